// SPDX-License-Identifier: MIT
#include "kernel/upkeep/store_events.hpp"

#include "kernel/machine.hpp"
#include "objects/assertion.hpp"

namespace perdure {

void StoreEvents::disk_is_ill(DiskRequest::Operation operation) {
  const bool is_read = operation == DiskRequest::Operation::read;
  announcements_.warn(is_read ? "the disk gives nothing; who needs it waits"
                              : "the disk takes nothing; nothing new is safe until it does");
}

void StoreEvents::disk_is_well(DiskRequest::Operation operation, uint64_t after_ns) {
  const bool is_read = operation == DiskRequest::Operation::read;
  announcements_.tell(is_read ? "the disk gives again, after" : "the disk takes again, after", after_ns / 1'000'000'000, "seconds");
}

void StoreEvents::cannot_go_on(std::string_view why) {
  machine::console_write("\nperdure: ");
  machine::console_write(why);
  machine::console_write("; this machine stops, and writes nothing\n");
  machine::power_off(machine::exit_code_refused);
}

void StoreEvents::bug(std::string_view what, FrameNumber frame) {
  trace_.add(TraceEntry::Event::destroy, frame.value, ~uint64_t{0});
  kernel_bug(what, 0);
}

}  // namespace perdure
