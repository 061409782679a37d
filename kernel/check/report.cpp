// SPDX-License-Identifier: MIT
#include "kernel/check/report.hpp"

#include <algorithm>

#include "kernel/kernel.hpp"

namespace perdure {

bool write_report(Kernel& kernel, std::string_view message, uint64_t instruction_pointer) {
  static BugReport report;  // too large for the stack of a machine that has just failed
  report.instruction_pointer = instruction_pointer;
  report.boot_epoch = kernel.time.boot_epoch();
  report.committed_generation = kernel.store.committed_generation().value;
  report.current_process = kernel.processor.has_current() ? kernel.store.descriptor(kernel.processor.slot()).number.value : 0;
  report.wall_seconds = machine::wall_clock_seconds();
  report.message_length = std::min(message.size(), sizeof(report.message));
  std::copy_n(message.data(), report.message_length, report.message);
  for (size_t i = 0; i < Trace::entry_count; ++i) report.trace[i] = kernel.trace.at(i);
  return kernel.store.write_report(std::as_bytes(std::span(&report, 1)), machine::now_ns);
}

}  // namespace perdure
