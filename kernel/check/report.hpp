// SPDX-License-Identifier: MIT
//
// What an assertion leaves behind: a report in the store's report area, shown by
// `scripts/perdure image report`. The format is text-free so that writing it needs nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/trace.hpp"

namespace perdure {

class Kernel;

struct BugReport {
  static constexpr uint64_t magic_value = 0x5452'4f50'4552'4450;  // "PDREPORT"
  static constexpr uint32_t layout_revision = 1;
  uint64_t magic = magic_value;
  uint32_t revision = layout_revision;
  uint32_t trace_count = Trace::entry_count;
  uint64_t instruction_pointer = 0;
  uint64_t boot_epoch = 0;
  uint64_t committed_generation = 0;
  uint64_t current_process = 0;  // its frame; 0: none was
  uint64_t wall_seconds = 0;
  uint64_t message_length = 0;
  char message[192] = {};
  TraceEntry trace[Trace::entry_count] = {};
};

// The machine stops whatever comes of it. True: the report stands on the disk.
bool write_report(Kernel&, std::string_view message, uint64_t instruction_pointer);

}  // namespace perdure
