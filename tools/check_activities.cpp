// SPDX-License-Identifier: MIT
#include "tools/check_activities.hpp"

#include <cstring>
#include <map>
#include <set>

#include "objects/process.hpp"
#include "objects/rows.hpp"

namespace perdure {
namespace {

class ActivityCheck {
 public:
  ActivityCheck(const FrameReader& frames, Findings& findings) : frames_(frames), findings_(findings) {}

  void everything() {
    for (uint64_t n = 0; n < frames_.frontier(); ++n) {
      const Kind kind = frames_.identity({n}).kind;
      const std::byte* bytes = frames_.bytes({n});
      if (!bytes) continue;
      if (kind == Kind::process) process({n}, *reinterpret_cast<const Process*>(bytes));
      if (kind == Kind::activity) activity_row({n}, bytes);
    }
    list();
  }

 private:
  void process(FrameNumber number, const Process& process) {
    const std::string name = name_of_object(Kind::process, ObjectId::of(number));
    const ProcessState state = process.control.state;
    const Capability& bound = process.control.activity;
    if (!bound.is_void() && bound.type != CapabilityType::activity) {
      return findings_.add(name + ": bound to what is no activity");
    }
    const auto* activity = frames_.find<Activity>(bound);
    if (!activity) {
      if (state != ProcessState::stopped) findings_.add(name + ": started, but has no activity");
      return;
    }
    if (activity->process != ObjectId::of(number) ||
        activity->process_version != frames_.identity(number).source) {
      return findings_.add(name + ": its activity is bound to another process");
    }
    const bool is_running = state == ProcessState::running;
    if (is_running && activity->runnable != 1) findings_.add(name + ": runs, but its activity does not");
    if (activity->awaits_deadline && (state != ProcessState::waiting || process.registers.r15 == 0)) {
      findings_.add(name + ": its activity awaits a deadline of a call that is none");
    }
    if (!is_running && activity->runnable != 0) findings_.add(name + ": does not run, but its activity does");
  }

  void activity_row(FrameNumber number, const std::byte* bytes) {
    rows_.insert(number);
    const FrameIdentity& identity = frames_.identity(number);
    for (unsigned i = 0; i < info(Kind::activity).objects_per_frame; ++i) {
      if (version_of(identity, bytes, i).is_none()) continue;
      activity(ObjectId::of(number, i), *row_object<Activity>(bytes, i));
    }
  }

  void ticket(const std::string& name, uint64_t ticket) {
    if (ticket == 0 || ticket >= frames_.system().next_ticket) {
      findings_.add(name + ": a ticket that was never drawn");
    } else if (!tickets_.insert(ticket).second) {
      findings_.add(name + ": another activity has the same ticket");
    }
  }

  void activity(ObjectId id, const Activity& activity) {
    const std::string name = name_of_object(Kind::activity, id);
    if (activity.runnable == 0 && activity.awaits_deadline == 0) return;
    if (activity.runnable != 0) ticket(name, activity.ticket);
    const auto* process = frames_.find<Process>({.type = CapabilityType::process,
                                                 .version = activity.process_version,
                                                 .object = activity.process});
    if (!process) return findings_.add(name + ": runnable, but its process does not exist");
    const Capability& bound = process->control.activity;
    if (bound.object != id || bound.version != activity.version) {
      findings_.add(name + ": runnable, but its process is bound to another");
    }
  }

  // As a boot walks it (kernel/processes/restart_list.cpp); it finds the rows without it only if it is not whole.
  void list() {
    std::set<FrameNumber> found;
    if (!walk(found)) return findings_.add("restart list: not whole; a boot looks at every frame instead");
    for (const FrameNumber row : rows_) {
      if (!found.contains(row)) {
        findings_.add("row of kind activity, frame " + std::to_string(row.value) + ": not in the restart list");
      }
    }
  }

  // -> it is whole.
  bool walk(std::set<FrameNumber>& found) {
    FrameNumber last;
    for (FrameNumber row = frames_.system().first_activity_row; row.value != 0;) {
      if (!rows_.contains(row)) return false;
      RowHeader header;
      std::memcpy(&header, frames_.bytes(row), sizeof(header));
      if (header.previous != last) return false;
      found.insert(row);
      last = row;
      row = header.next;
    }
    return last == frames_.system().last_activity_row;
  }

  const FrameReader& frames_;
  Findings& findings_;
  std::set<FrameNumber> rows_;
  std::set<uint64_t> tickets_;
};

}  // namespace

void check_activities(const FrameReader& frames, Findings& findings) {
  ActivityCheck(frames, findings).everything();
}

}  // namespace perdure
