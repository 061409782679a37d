# SPDX-License-Identifier: MIT
"""Changes of leave_out.py that no host test misses, and need not: (file, kind, line) and why.

The line is as leave_out.py shows it; for an operand or a comparison that is what it becomes.
"""

TIME = "saves time only: what follows finds nothing to do"

ON_PURPOSE = {
    # --- lines.cpp
    ("kernel/lines.cpp", "check", "if (awaited_count_ == 0) [[likely]] return false;"): TIME,
    ("kernel/lines.cpp", "check", "if (activity.stood_in == 0) return;"): TIME,
    ("kernel/lines.cpp", "check",
     "if (const auto dirty = store.make_dirty(slot, Need::reserve); !dirty) return std::unexpected(dirty.error().until);"):
        "a line is looked at while nobody is current, and then a checkpoint is declared first if room has run out; "
        "it would have to run out between two looks of one round",
    ("kernel/lines.cpp", "call", "scheduler.forget_wake(ref);"):
        "only the chaos of a test boot goes by the count of who was woken, and the next move of this one takes it back",
    # --- processes.cpp
    ("kernel/processes.cpp", "check", "if (store.is_current(slot)) [[likely]] return Outcome::prepared();"): TIME,
    ("kernel/processes.cpp", "call", "store.keep(no_slot, no_slot);"):
        "the frames of who ran last stay in memory a little longer",
    ("kernel/processes.cpp", "call", "store.may_have_room();"):
        "who waits for a frame of the cache is woken at the next tick anyway",
    ("kernel/processes.cpp", "check", "if (control.state == ProcessState::stopped) return Outcome::prepared();"):
        "one that is stopped is stopped again, which changes nothing",
    # --- messages.cpp
    ("kernel/messages.cpp", "call", "hold(found->slot);"):
        "what is invoked is held already, and the message to a keeper has no bytes, for which something could be fetched",
    # --- destruction.cpp
    ("kernel/destruction.cpp", "check", "if (const Outcome o = stop_process(found->slot, process); o.is_obstacle()) return o;"):
        "its row is writable, so what stops it can only want room for the process: what follows finds the same",
    ("kernel/destruction.cpp", "check", "if (const Outcome o = stop_process(slot, process); o.is_obstacle()) return o;"):
        "of the two, what the first one finds the second finds, too; and who is current has nothing in its way",
    ("kernel/destruction.cpp", "check", "if (const Outcome o = retire_activity(own); o.is_obstacle()) return o;"):
        "the process is current: it is in memory, and writable",
    ("kernel/destruction.cpp", "check", "if (const Outcome o = retire_object(slot, index, frame); o.is_obstacle()) return o;"):
        "of the objects that it is called for here (not activities) none has anything in its way",
    ("kernel/destruction.cpp", "check", "if (frame.value == 0) return nullptr;"):
        "frame 0 is none of activities; it would only be read for nothing",
}
