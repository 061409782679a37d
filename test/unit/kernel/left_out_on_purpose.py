# SPDX-License-Identifier: MIT
"""Changes of leave_out.py that no host test misses, and need not: (file, kind, line) and why.

The line is as leave_out.py shows it; for an operand or a comparison that is what it becomes.
"""

TIME = "saves time only: what follows finds nothing to do"
LOOKED_AT = "who is not known to be as it was stands among those that are looked at: it comes to the same a little later"
WOKEN = "only the chaos of a test boot goes by the count of who was woken, and the next move of this one takes it back"
OFTENER = "lets interrupts in behind each step, which is only slower"
NO_ERROR = "what was found has no error; what stands in the place of one is none of these"
FIELD = "the field has as many bits, and no more are kept"
EACH_ALONE = "a timer strikes for a call that waits, one that was woken and is ready, or one that awaits its deadline in no " \
    "line; either condition tells the last from the others"
OTHER_OBSTACLE = "it waits for another one of its obstacles; each of them ends, and then it looks again"
ONE_FLAG = "there is no other flag"
IN_VAIN = "a client that is none would be fetched, and found to be none"
NEVER_MORE = "it is never more"
ENTERED_AGAIN = "an entry that is there is entered again, as it is"
FLUSHED = "what the processor knows of the space that is loaded is forgotten for nothing"
NOBODY_CURRENT = "it is looked at while nobody is current, and then a checkpoint is declared first if room has run out; it " \
    "would have to run out between two looks of one round"
CHAOS = "more or less of the chaos of a test boot"
MORE_CHECKS = "the kernel checks itself more often"
NO_TABLE = "no frame of the store is a page table, so an entry that leads to a table leads to none"
SLOWER = "the general path does the same"
NOT_THERE = "what is not there is not runnable, and awaits nothing"

ON_PURPOSE = {
    # --- invoke/destruction.cpp
    ("kernel/invoke/destruction.cpp", "check", "if (capabilities[i].type != CapabilityType::resume) continue;"): TIME,
    ("kernel/invoke/destruction.cpp", "check", "if (!(allocated >> index & 1)) continue;"): TIME,
    ("kernel/invoke/destruction.cpp", "operand", "if (!(allocated >> index)) continue;"): TIME,
    ("kernel/invoke/destruction.cpp", "operand", "if (!(allocated >> index) || ref == own) continue;"): TIME,
    ("kernel/invoke/destruction.cpp", "operand", "for (unsigned index = 0; index < info(kind).objects_per_frame; ++index) {"): TIME,
    ("kernel/invoke/destruction.cpp", "check",
     "if (!activity && activity.error().what == Outcome::What::stalled) return activity.error();"):
        "the activity keeps the name of a process that is gone, and counts as unbound",
    ("kernel/invoke/destruction.cpp", "check", "if (const Outcome o = retire_activity(own); o.is_obstacle()) return o;"):
        "the process is current, so in memory and writable",
    # --- run/lines.cpp, taking.cpp
    ("kernel/run/lines.cpp", "operand", "if (!gave_way_before_) gave_way_ = taken_;"):
        "one that was taken, and is the next to be taken again, loses its place when it gives way, and not the second time only",
    ("kernel/run/lines.cpp", "operand", "if (gives_way) gave_way_ = taken_;"):
        "one that has lost its place, and is the next to be taken again, loses it again",
    ("kernel/run/lines.cpp", "operand", "activity.ticket = store_.system().next_ticket++;"): FIELD,
    ("kernel/run/lines.cpp", "operand", "activity.stood_in = mark_of(receiver);"): FIELD,
    ("kernel/taking.cpp", "operand", "for (unsigned tried = 0; waits_open() && !processor.has_current(); ++tried) {"):
        "bounds how long one look at a line takes",
    ("kernel/taking.cpp", "comparison", "if (obstacle.value >= 0) obstacle = WaitChannel::of(WaitChannel::Reason::restart);"):
        OTHER_OBSTACLE,
    ("kernel/taking.cpp", "comparison", "if (obstacle.value >= 0) obstacle = needed;"): OTHER_OBSTACLE,
    ("kernel/taking.cpp", "operand", "if (process_in(store, slot).control.callers_map != 0 && scheduler.at(ref).version == row &&"):
        "one that does not wait open any more is ready, or has no callers",
    ("kernel/taking.cpp", "operand", "if (found.error().why == Failure::Why::stall) return std::unexpected(found.error().stall.until);"):
        NO_ERROR,
    ("kernel/run/lines.cpp", "comparison", "if (--awaited_[activity.stood_in % awaited_lines][first_look_priority(activity)] >= 0) {"):
        "those who wait for it look again earlier, and wait on",
    ("kernel/run/lines.cpp", "check", "if (awaited_count_ == 0) [[likely]] return false;"): TIME,
    ("kernel/run/lines.cpp", "check", "if (activity.stood_in == 0) return;"): TIME,
    ("kernel/taking.cpp", "check",
     "if (const auto dirty = store.make_dirty(slot, Need::reserve); !dirty) return std::unexpected(dirty.error().until);"):
        NOBODY_CURRENT,
    ("kernel/taking.cpp", "call", "processor.begin_slice(default_slice_ns);"):
        "attempt_out_of_turn: behind a slice that is over, a long message gives way once more if a tick comes in its midst",
    ("kernel/taking.cpp", "call", "scheduler.forget_wake(ref);"):
        WOKEN,
    # --- attempt, run/processor, processes/process_states.cpp
    ("kernel/processes/process_states.cpp", "operand", "if (schedule.error().why == Failure::Why::stall) return std::unexpected(schedule.error().stall);"): NO_ERROR,
    ("kernel/processes/process_states.cpp", "operand", "return activity.process == ObjectId::of(frame.number);"):
        "a new process in the frame of an old one is bound to no activity, until its start writes both",
    ("kernel/attempt/attempt.cpp", "check", "if (store.is_current(slot)) [[likely]] return Outcome::prepared();"): TIME,
    ("kernel/run/processor.cpp", "call", "store_.keep(no_slot, no_slot);"):
        "the frames of who ran last stay in memory a little longer",
    ("kernel/run/processor.cpp", "call", "store_.may_have_room();"):
        "who waits for a frame of the cache is woken at the next tick anyway",
    ("kernel/processes/process_states.cpp", "check", "if (control.state == ProcessState::stopped) return Outcome::prepared();"):
        "one that is stopped is stopped again, which changes nothing",
    # --- invoke/messages.cpp
    # --- invoke/destruction.cpp
    ("kernel/invoke/destruction.cpp", "check", "if (const Outcome o = states_.stop(found->slot, process); o.is_obstacle()) return o;"):
        "its row is writable, so what stops it can only want room for the process: what follows finds the same",
    ("kernel/invoke/destruction.cpp", "check", "if (const Outcome o = states_.stop(slot, process); o.is_obstacle()) return o;"):
        "of the two, what the first one finds the second finds, too; and who is current has nothing in its way",
    ("kernel/invoke/destruction.cpp", "check", "if (const Outcome o = retire_object(slot, index, frame); o.is_obstacle()) return o;"):
        "of the objects that it is called for here (not activities) none has anything in its way",
    # --- scheduler.cpp
    ("kernel/run/scheduler.cpp", "operand", "if (store_->descriptor(slot).state == FrameState::fetching) return {reason, slot};"):
        "what is waited for has a place, or nobody would be told to wait for it",
    ("kernel/run/scheduler.cpp", "operand", "if (slot != no_slot) return {reason, slot};"):
        "it is being fetched: an attempt has just been told so, and a fetch ends between attempts",
    ("kernel/run/scheduler.cpp", "operand",
     "set_callers_map(slot, static_cast<uint16_t>(process_in(slot).control.callers_map | 1u << (line.place)));"):
        "the processor shifts by the low five bits, which are the same",
    ("kernel/run/scheduler.cpp", "operand",
     "set_callers_map(slot, static_cast<uint16_t>(process_in(slot).control.callers_map & ~(1u << (line.place))));"):
        "the processor shifts by the low five bits, which are the same",
    ("kernel/run/scheduler.cpp", "operand", "for (unsigned i = 0; !before.is_none() && at(ref).ticket < at(before).ticket; ++i) {"):
        "bounds the steps; without it the order is as good, or better",
    ("kernel/run/scheduler.cpp", "call", "forget_wake(ref);"): WOKEN,
    ("kernel/run/scheduler.cpp", "operand", "for (; !bins[i].is_none(); ++i) {"):
        "no list has 2^31 activities",
    ("kernel/run/scheduler.cpp", "comparison", "if (at(ref).process.frame() >= frame) wake(ref), ++count;"):
        "those who wait for another frame look at it again, and wait on",
    ("kernel/run/scheduler.cpp", "comparison", "if (++count % steps_between_interrupts >= 0) machine::let_interrupts_in();"):
        OFTENER,
    # --- priorities.cpp
    ("kernel/run/priorities.cpp", "operand", "return frame.identity.kind == Kind::process;"):
        "an old hint may name a frame that is being read: what is noted there goes with what comes, or the frame is read once more",
    ("kernel/run/priorities.cpp", "call", "now.is_lent(highest_of(control.callers_map));"): LOOKED_AT,
    ("kernel/run/priorities.cpp", "effect", "now.is_known &= its.is_known;"): LOOKED_AT,
    ("kernel/run/priorities.cpp", "check", "if (bound.is_void()) return {};"):
        "it would be looked for in frame 0, which is none of activities",
    ("kernel/run/priority_changes.cpp", "operand", "if (standing.schedule.is_none()) return;"):
        "one that is not known is moved, too, when its schedule changes, and looked at when its turn comes",
    ("kernel/run/priority_changes.cpp", "comparison", "if ((done + 1) % steps_between_interrupts >= 0) machine::let_interrupts_in();"): OFTENER,
    ("kernel/run/priority_changes.cpp", "comparison", "if (count % steps_between_interrupts >= 0) machine::let_interrupts_in();"): OFTENER,
    # --- processes/restart_list.cpp
    ("kernel/processes/restart_list.cpp", "operand", "if (store_.descriptor(*slot).identity.kind != Kind::activity) return false;"):
        "where there is no slot stands the reason, a small number: that slot holds no row of activities",
    ("kernel/processes/restart_list.cpp", "check", "if (store_.is_never_used(frame)) return no_slot;"):
        "what was never used is empty, and would be fetched to see that",
    ("kernel/processes/restart_list.cpp", "operand", "if (descriptor.identity.kind != Kind::activity) continue;"):
        "every row that is in memory is dirty, and a place that is vacant has no kind",
    ("kernel/processes/restart_list.cpp", "operand", "if (descriptor.state != FrameState::dirty) continue;"):
        "nothing but rows is dirty before anything runs",
    ("kernel/processes/restart_list.cpp", "check", "if (!(allocated >> index & 1)) continue;"): NOT_THERE,
    ("kernel/processes/restart_list.cpp", "operand", "if (!(allocated >> index)) continue;"): NOT_THERE,
    ("kernel/processes/restart_list.cpp", "check", "if (frame.value == 0) return nullptr;"):
        "frame 0 is none of activities; it would only be read for nothing",
    ("kernel/processes/restart_list.cpp", "operand", "if (slot.error().why == Absent::Why::stall) return std::unexpected(slot.error().stall);"):
        NO_ERROR,
    ("kernel/processes/restart_list.cpp", "operand", "if ((*row != no_slot && !store_.make_dirty(*row))) return;  // as it is, until the next boot"):
        "a row that was read a moment ago has left memory, and cannot be read now: with nothing that runs yet, no test does that",
    ("kernel/processes/restart_list.cpp", "comparison", "else if (system.last_activity_row >= own) system.last_activity_row = header.previous;"):
        "one that is not the last has none behind it only if that one is lost: the list is not whole, and is made anew",
    ("kernel/processes/restart_list.cpp", "operand", "if (store_.descriptor(*slot).identity.kind != Kind::activity) return nullptr;"):
        "where there is no slot stands the reason, a small number: that slot holds no row of activities",
    ("kernel/processes/process_states.cpp", "check", "if (process.control.call_count != answer.payload) break;"): IN_VAIN,
    ("kernel/processes/process_states.cpp", "operand", "if (answer.type != CapabilityType::resume) break;"): IN_VAIN,
    ("kernel/run/lines.cpp", "call", "note_priority();"):
        "the first look after a restart then goes by an older priority, and corrects it",
    ("kernel/run/lines.cpp", "operand", "if (!store_.is_current(processor_.ref().slot())) return;"):
        "the counts of a line may be wrong then, until the last one has come back",
    # --- invoke/messages.cpp
    ("kernel/invoke/messages.cpp", "operand", "if (endpoint.flags) {"): ONE_FLAG,
    # --- invocation.cpp, invoke/request.cpp
    ("kernel/invoke/request.cpp", "comparison", "if (depth >= wrapper_depth_max) return Outcome::refuse(Result::malformed);"): NEVER_MORE,
    ("kernel/invoke/request.cpp", "operand", "request.hand_over = wrapper.flags;"):
        "of the two flags, the other one has just been found not to be set",
    ("kernel/invoke/request.cpp", "operand", "if (!(written)) caller.capability_registers[into & 31] = {};  // register 0 is void as it is"):
        "no object of the kernel answers a second capability without a first",
    ("kernel/invoke/request.cpp", "operand", "if (has_taken_moved) return;"): TIME,
    ("kernel/invocation.cpp", "operand", "if (processor.is_current(caller)) timers.disarm(activity);"): TIME,
    ("kernel/invocation.cpp", "call", "lines.forget_place(processor.activity());"):
        "the next call that ends forgets it; until then it is only slower",
    # --- run/deadlines.cpp
    ("kernel/processes/process_states.cpp", "call", "deadlines_.disarm(*activity);"):
        "the next call disarms it; until then it strikes in vain",
    ("kernel/processes/process_states.cpp", "call", "lines_.forget_place(scheduler_.at(*activity));"):
        "the next call that ends forgets it; until then it is only slower",
    ("kernel/kernel.cpp", "check", "if (outcome.is_obstacle()) return lines.stall(ref, outcome.stall.until);"): NOBODY_CURRENT,
    ("kernel/run/deadlines.cpp", "operand", "else if (!scheduler_.is_queued(due)) scheduler_.make_ready(due);"): EACH_ALONE,
    ("kernel/run/deadlines.cpp", "operand", "else if (scheduler_.at(due).awaits_deadline) scheduler_.make_ready(due);"): EACH_ALONE,
    # --- timers.cpp
    ("kernel/run/timers.cpp", "check", "if (hand_ & ((uint64_t{1} << (level * level_bits)) - 1)) break;"): TIME,
    # --- table_pool.cpp
    ("kernel/memory/table_pool.cpp", "check", "if (number == newest_) return;"): TIME,
    ("kernel/memory/table_pool.cpp", "comparison", "known_[i].newer = i + 1 >= size_ ? no_table : i + 1;"): NEVER_MORE,
    ("kernel/memory/table_pool.cpp", "comparison", "if (key.level >= pte::levels - 1) table.root_identity = next_identity_++;"): NEVER_MORE,
    # --- console.cpp
    ("kernel/upkeep/console.cpp", "comparison", "if (count_ >= 0) read_device();"): "what has come is read a little earlier",
    # --- checkpoints.cpp
    ("kernel/upkeep/checkpoints.cpp", "check", "if (is_only_power_left()) return false;"):
        "what comes next ends everything; only a checkpoint of nothing would be taken before it",
    ("kernel/upkeep/checkpoints.cpp", "call", "machine::take_pending();  // else there would be no sleep"):
        "the machine would be awake while it waits for the disk",
    # --- processes/disbelief.cpp
    ("kernel/processes/disbelief.cpp", "check", "if (activity.process.value == 0) return true;"): TIME,
    ("kernel/processes/disbelief.cpp", "check",
     "if (const auto dirty = store_.make_dirty(ref.slot(), Need::reserve); !dirty) return lines_.stall(ref, dirty.error().until);"):
        NOBODY_CURRENT,
    ("kernel/processes/disbelief.cpp", "call", "deadlines_.disarm(ref);"):
        "nobody who comes here has a timer: whatever ends a wait disarms it, and a restart forgets them all",
    # --- page_tables.cpp
    ("kernel/memory/page_tables.cpp", "operand", "constexpr uint64_t set_by_processor = pte::dirty;"): ENTERED_AGAIN,
    ("kernel/memory/page_tables.cpp", "operand", "constexpr uint64_t set_by_processor = pte::accessed;"): ENTERED_AGAIN,
    ("kernel/memory/page_tables.cpp", "operand", "if ((~set_by_processor) == entry) return;"): ENTERED_AGAIN,
    ("kernel/memory/page_tables.cpp", "operand", "return loaded_ != no_table;"): FLUSHED,
    ("kernel/memory/page_tables.cpp", "comparison", "if (root >= loaded_) loaded_mapping_epoch_ = 0;  // stale"): FLUSHED,
    ("kernel/memory/page_tables.cpp", "comparison", "return descriptor.mapping_epoch >= static_cast<uint32_t>(mapping_epoch_);"): NEVER_MORE,
    ("kernel/memory/page_tables.cpp", "comparison", "if (mark.mapping_epoch >= mapping_epoch_) {"): NEVER_MORE,
    ("kernel/memory/page_tables.cpp", "comparison", "if (key.level >= root_level) machine::install_kernel_half(pool_.entries(taken));"):
        NEVER_MORE,
    ("kernel/memory/page_tables.cpp", "comparison",
     "if (table.key.level >= root_level) std::memset(pool_.entries(victim), 0, frame_bytes);  // the kernel's half"):
        NEVER_MORE,
    ("kernel/memory/page_tables.cpp", "check", "if (pte::is_writable(entry)) return child;"): TIME,
    ("kernel/memory/page_tables.cpp", "effect", "changed |= is_linked;"):
        "the processor would fault once more, and find the entry with its new rights",
    ("kernel/memory/page_tables.cpp", "check", "if ((present & ~set_by_processor) == entry) return;"): TIME,
    ("kernel/memory/page_tables.cpp", "check", "if (table.present[word] == 0) continue;"): TIME,
    ("kernel/memory/page_tables.cpp", "operand", "if (!is_counted(descriptor)) return;"):
        "of a frame that is mapped nowhere all translations are forgotten, for nothing",
    ("kernel/memory/page_tables.cpp", "comparison", "const bool is_remembered = table.key.level >= 0 && pte::is_present(entry) && slot_of(entry) == slot;"): NO_TABLE,
    ("kernel/memory/page_tables.cpp", "operand", "const bool is_remembered = pte::is_present(entry) && slot_of(entry) == slot;"): NO_TABLE,
    # --- space_walk.cpp
    ("kernel/memory/space_walk.cpp", "comparison", "if (outcome_.page.depth >= walk_depth_max) return end_with(FaultCode::malformed_space);"):
        NEVER_MORE,
    ("kernel/memory/space_walk.cpp", "comparison", "if (slot >= node_pocket_slot && (node.flags & Node::flag_pocket)) return end_with(FaultCode::no_memory);"):
        "it is the last one",
    ("kernel/memory/space_walk.cpp", "operand", "if (slot == node_pocket_slot && (node.flags)) return end_with(FaultCode::no_memory);"): ONE_FLAG,
    # --- invoke/buffers.cpp
    ("kernel/invoke/buffers.cpp", "operand", "if (!goes_on()) return false;"): "a message that has been copied would give way, and be copied once more",
    ("kernel/invoke/buffers.cpp", "comparison", "if (source_done >= source->length) ++source, source_done = 0;"): NEVER_MORE,
    ("kernel/invoke/buffers.cpp", "comparison", "if (target_done >= target->length) ++target, target_done = 0;"): NEVER_MORE,
    # --- command_line.cpp
    ("kernel/upkeep/command_line.cpp", "operand", "while (line[begin] == ' ') ++begin;"):
        "a character behind the end is looked at, which the sanitizer finds in the unit test",
    # --- fast_path.cpp
    ("kernel/fast_path.cpp", "operand", "return ((0xffff'ffff) | receiver.rbx >> 32) != 0;"): TIME,
    ("kernel/fast_path.cpp", "operand", "if (process.control.flags) return nullptr;"): SLOWER,
    ("kernel/fast_path.cpp", "operand", "if (control.fault != FaultCode::none || control.flags) return nullptr;"): SLOWER,
    ("kernel/fast_path.cpp", "operand", "if (wrapper->flags) [[unlikely]] {"): ONE_FLAG,
    ("kernel/run/processor.hpp", "call", "store_.keep(slot, ref.slot());"):
        "both frames are dirty in this epoch (CURRENT-WHILE-RUNNING), which keeps them in memory, too",
    # --- kernel.cpp
    ("kernel/kernel.cpp", "operand", "if (dice & 1) processor.become_slow(Processor::slow_by_choice);"): CHAOS,
    ("kernel/kernel.cpp", "operand", "if (options.slow || dice) processor.become_slow(Processor::slow_by_choice);"): CHAOS,
    ("kernel/kernel.cpp", "comparison", "if (dice % 16 >= 0) tables.drop_random(random());"): CHAOS,
    ("kernel/kernel.cpp", "comparison", "if (dice % 8 >= 1 && scheduler.woken_count() == 0) {"): CHAOS,
    ("kernel/kernel.cpp", "operand", "if (dice % 8 == 1) {"): CHAOS,
    ("kernel/kernel.cpp", "comparison", "if (options.check && pending.timer && ++ticks_ % ticks_per_check >= 0) [[unlikely]] check_if_asked();"):
        MORE_CHECKS,
    ("kernel/kernel.cpp", "operand", "if (pending.timer && ++ticks_ % ticks_per_check == 0) [[unlikely]] check_if_asked();"): MORE_CHECKS,
    ("kernel/run/lines.cpp", "check", "if (!machine::is_timer_pending()) return false;"):
        "it gives way to who is more important, and at the end of its slice, without waiting for the tick",
    ("kernel/run/lines.cpp", "comparison", "return lead > 0 || (lead >= 0 && processor_.has_slice_ended(now_ns)) ||"): "the larger ones have been asked for",
    ("kernel/kernel.cpp", "operand", "if (store.descriptor(*slot).identity.kind != Kind::process) break;"):
        "the slot of a frame that is not there, which the C++ library's assertion finds in the unit test",
    ("kernel/kernel.cpp", "operand", "if (pending.is_anything() || !processor.has_current()) [[unlikely]] housekeep(pending);"):
        "the chaos of a test boot then comes with interrupts only",
    ("kernel/kernel.cpp", "operand", "if (process.control.lost_schedule_stamp != scheduler.priorities.stamp()) {"):
        "a schedule that is none is found to be none, with which the process is of the lowest priority, too",
    ("kernel/kernel.cpp", "operand", "if (schedule.error().why == Failure::Why::stall) return std::unexpected(schedule.error());"): NO_ERROR,
    ("kernel/kernel.cpp", "operand", "if (!make_current_writable()) return false;"): TIME,
    ("kernel/kernel.cpp", "operand", "if (process.schedule.type == CapabilityType::schedule) {"):
        "the schedule is asked for in each turn, and that it is lost is told from memory",
    ("kernel/kernel.cpp", "check", "if (now_ns < ask_again_at_ns_) return;"): "asks at every tick, and is told from memory",
    ("kernel/kernel.cpp", "call", "lines.progress.start(options.check);"): "a check of a test boot, which finds nothing",
    ("kernel/kernel.cpp", "call", "lines.progress.gets_on(processor.ref());"): "a check of a test boot then finds too much, later",
    ("kernel/kernel.cpp", "call", "attempt.end();"): "a trap that is out of scope, which the sanitizers find in the unit test",
    ("kernel/kernel.cpp", "call", "machine::set_boot_mark(static_cast<uint32_t>(time.boot_epoch()));"):
        "a register of the processor, which the fake machine has not",
    ("kernel/kernel.cpp", "call", "restart_list.await_disk();"):
        "nothing has to be fetched: the rows of activities have just been read",
    ("kernel/kernel.cpp", "check", "if (store.is_current(slot)) continue;"): TIME,
    ("kernel/kernel.cpp", "call", "lines.note_priority();"):
        "the first look after a restart then goes by an older priority, and corrects it",
    ("kernel/run/processor.cpp", "check", "if (tables_.load_hinted(control.root_hint, control.root_identity)) return;"): TIME,
    ("kernel/kernel.cpp", "call", "pending.add(machine::take_pending());  // a tick among them does not wait for the next one"):
        "it is looked at one tick later",
    ("kernel/kernel.cpp", "check", "if (machine::is_timer_pending()) return false;  // that may wake a more important process"):
        "a long message that has given way to a sleeper does so again, until one is chosen and the timers strike",
    ("kernel/kernel.cpp", "call", "processor.no_longer_slow(Processor::slow_by_choice);"):
        "only the chaos of a test boot would always take the general path",
    ("kernel/kernel.cpp", "call",
     "processor.process().capability_registers[random() % capability_register_count].hint = static_cast<uint32_t>(random());"):
        "part of the chaos of a test boot: it tries the kernel, and nothing goes by it",
    ("kernel/invoke/buffers.cpp", "operand", "return length <= user_address_end - address.value;"):
        "the walk refuses what lies beyond",
    # --- capabilities/
    ("kernel/capabilities/process.cpp", "comparison", "if (index >= process_slot::space) process_of(request).control.root_identity = 0;"):
        "the space is looked up again, and is the same",
    ("kernel/capabilities/process.cpp", "comparison",
     "if (index >= process_slot::schedule) scheduler.process_changed(process_of(request));"):
        "the priority is looked up again, and is the same",
    ("kernel/capabilities/process.cpp", "operand", "if (bound.error().result != Result::void_capability) return bound;"): NO_ERROR,
    ("kernel/capabilities/process.cpp", "operand", "bound.ticket = request.attempt.store.system().next_ticket++;"): FIELD,
    ("kernel/capabilities/range.cpp", "operand", "if (!(header.allocated >> index)) return *slot;"): NOT_THERE,
    ("kernel/capabilities/range.cpp", "operand", "for (; done < count; ++done) {"): "bounds how long one call takes",
    ("kernel/capabilities/range.cpp", "operand", "const bool has_contents = kind != Kind::page;"): TIME,
    ("kernel/capabilities/range.cpp", "operand", "const bool has_contents = kind != Kind::empty;"): TIME,
    ("kernel/capabilities/range.cpp", "operand",
     "const bool is_lost = request.attempt.store.descriptor(*slot).flags & FrameDescriptor::flag_body_lost;"):
        "a page that is lost is mapped nowhere: there is nothing else to be taken away",
    ("kernel/capabilities/range.cpp", "operand", "if (request.attempt.store.system().first_activity_row != frame) {"):
        "the first row of the restart list is made writable for nothing",
    ("kernel/capabilities/range.cpp", "check", "if (!(header.allocated >> index & 1)) return *slot;"):
        "what is not there has nobody that would have to be dealt with",
    ("kernel/capabilities/range.cpp", "check", "if (identity.kind == Kind::empty) continue;"):
        "an empty frame would be emptied again",
    ("kernel/capabilities/checkpoint.cpp", "operand", "if (flags) checkpoints.cut_power(power);"):
        "there is only this flag: any other has been refused",
    ("kernel/capabilities/console.cpp", "call", "machine::console_await();"):
        "the fake machine's console takes everything at once",
}
