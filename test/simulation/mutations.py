#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Proves the proof: seeds one fault after the other in the checkpoint code, in that of objects, the kernel and
the tools, and requires each time that a simulation or the unit tests of checkpoint/ fail.

  test/simulation/mutations.py [--test TEST] [NAME]
      only the fault NAME, or all whose name contains it; with only one of the tests: simulation, unit,
      kernel_simulation

A fault is a piece of text replaced in a copy of one source file; that file is compiled and linked
with the objects that a build has made of all the others. A fault whose text is not found (or
found twice) counts as failed: the list is kept with the code. `scripts/test mutations` tries each. The last
line is `N passed, N failed`; a passed fault is one that was caught.
"""

import argparse
import concurrent.futures
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))
from perdure_host import changed_source  # noqa: E402

TESTS = {  # how each is run
    "simulation": ("test/simulation/crash_simulation", ["--runs", "80"]),
    "unit": ("test/unit/checkpoint/checkpoint_test", []),
    "kernel_simulation": ("test/simulation/kernel_simulation", ["--runs", "60"]),
}
PROCESSOR_SECONDS_MAX = 120  # ten times what the longest takes
NOTHING = "no fault at all"  # the only one that has to survive
FLUSH = "parts.io.start({.operation = DiskRequest::Operation::flush}, IoPurpose::flush);"

# name, file (of checkpoint/, unless it names a folder), text, what it becomes. A header stands before the source that is compiled with it.
FAULTS = [
    (NOTHING, "checkpointer.cpp", "  ++parts.epoch;\n", "  ++parts.epoch;\n"),
    # --- flushes
    ("no flush before the root of a commit", "checkpointer.cpp",
     f"flush_running_ = true;\n      {FLUSH}\n      phase_ = Phase::flushing;", "start_root(parts);"),
    ("no flush after a root", "root_writer.cpp",
     "state_ = State::flushing;\n    left_ = 1;\n    io.start({.operation = DiskRequest::Operation::flush}, IoPurpose::root_flush);",
     "read_back(io);"),
    ("flush before the writes have ended", "checkpointer.cpp",
     "if (log_.is_writing(parts.io)) return false;\n      if (log_.has_failed())", "if (log_.has_failed())"),
    ("failed flush of a commit ignored", "checkpointer.cpp",
     "if (flush_failed_) fail(parts); else start_root(parts);", "start_root(parts);"),
    ("failed flush made again alone", "io_queue.cpp", "if (is_flush(operation.request) || operation.purpose == IoPurpose::probe) return false;", "if (operation.purpose == IoPurpose::probe) return false;"),
    # --- errors
    ("failed write of the log ignored", "log_writer.cpp", "failed_ = failed_ || result.failed;", ""),
    ("failed requests called successful", "io_queue.cpp", "operation.purpose, completion->failed,", "operation.purpose, false,"),
    ("root not read back", "root_writer.cpp",
     "} else if (state_ == State::flushing) {\n    read_back(io);\n  } else {", "} else {"),
    # --- roots
    ("oldest root wins", "recovery.cpp", "root.sequence > newest.root.sequence", "root.sequence < newest.root.sequence"),
    ("root's checksum not compared", "recovery.cpp", "if (!verify(root)) return;", ""),
    ("start over the newest root", "root_writer.cpp", "slot_ = slot;", "slot_ = slot ^ 1;"),
    ("newest root overwritten", "root_writer.cpp", "slot_ ^= 1;", ""),
    ("sequence of a root repeats", "root_writer.cpp", "next_.sequence = ++last_sequence_;", "next_.sequence = current_.sequence + 1;"),
    ("one slot without a valid root accepted", "recovery.cpp", "if (!survey.slot_valid[0] || !survey.slot_valid[1]) {", "if (false) {"),
    ("boot epoch not raised", "store_open.cpp", "++root.boot_epoch;", ""),
    ("number of an attempt reused after a cut", "store_open.cpp", "++root.next_generation.value;", ""),
    ("clean mark not erased", "store_open.cpp", "root.clean = 0;", ""),
    ("oldest bootable generation not raised", "checkpointer.cpp", "root.oldest_bootable = pending_;", ""),
    ("number of an attempt not in the root", "checkpointer.cpp", "root.next_generation = next_generation_;", ""),
    # --- the cut
    ("epoch not raised at the cut", "checkpointer.cpp", "  ++parts.epoch;\n", ""),
    ("generation reused", "checkpointer.cpp", "++next_generation_.value;", ""),
    ("state of the system as of now", "checkpointer.cpp", "root.system = pending_system_;", "root.system = system_;"),
    ("frozen frame not copied", "checkpointer.cpp", "reads_as_zero(descriptor) ? nullptr : parts.cache.body(slot));", "nullptr);"),
    ("identity of a frozen copy lost", "checkpointer.cpp", "                  .identity = descriptor.identity,\n", ""),
    ("frozen copies left out", "checkpointer.cpp", "const bool sound = copies_.is_empty() ?",
     "while (!copies_.is_empty()) copies_.drop_first();\n    const bool sound = frozen_.count == 0 ? true : copies_.is_empty() ?"),
    ("frames not checked before a commit", "checkpointer.cpp", "if (wrong.empty()) return true;", "return true;"),
    ("half-dirty frame staged", "checkpointer.cpp",
     "  if (is_unchanged(descriptor)) {\n    make_clean_again(parts, slot);\n    return true;\n  }\n", ""),
    ("staged frame may be evicted", "frame_cache.cpp", "== FrameState::clean && descriptor.epoch <= committed_epoch", "== FrameState::clean"),
    ("commit covers one epoch too many", "checkpointer.cpp", "parts.committed_epoch = parts.epoch - 1;", "parts.committed_epoch = parts.epoch;"),
    ("staged frame changed stays staged", "checkpointer.cpp",
     "    staged_.remove(parts.cache, slot);\n  } else if (dirty_count()", "    return {};\n  } else if (dirty_count()"),
    # --- what stands in the log
    ("last summary entry skipped", "log_writer.cpp", "block.count = index + 1;", "block.count = index;"),
    ("version source not in the summary", "log_writer.cpp", "                     .source = frame.identity.source,\n", ""),
    ("account not in the summary", "log_writer.cpp", "                     .account = frame.identity.account,\n", ""),
    ("hints stored", "log_writer.cpp", "normalize(frame.identity.kind, frame.body, body);", "std::memcpy(body, frame.body, frame_bytes);"),
    ("all-zero frame not marked", "log_writer.cpp", "with_body ? uint16_t{0} : SummaryEntry::flag_all_zero", "uint16_t{0}"),
    ("header chain ignored", "recovery.cpp", "if (auto done = read_chain(); !done) return done;", ""),
    # --- failed attempts
    ("staged frames of a failed attempt stay clean", "checkpoint_failure.cpp", "make_dirty_again(parts, staged_);", "staged_ = {};"),
    ("frozen frames of a failed attempt forgotten", "checkpoint_failure.cpp", "make_dirty_again(parts, frozen_);", "frozen_ = {};"),
    ("withdrawing root not durable", "checkpoint_failure.cpp", "parts.roots.state() == RootWriter::State::failed", "false"),
    ("writes of a failed attempt not awaited", "checkpoint_failure.cpp", "if (log_.is_writing(parts.io)) return false;", ""),
    ("directory of a failed attempt kept", "checkpoint_failure.cpp", "parts.directory.forget_step(32);", "true;"),
    # --- migration
    ("log reused under a reader", "migration.cpp", "if (parts.io.in_flight(IoPurpose::body_read_log) > 0) return false;", ""),
    ("bodies are not looked for beyond one step", "migration.cpp", "if (at == directory.size()) phase_", "phase_"),
    ("frontier not raised", "migration.cpp", "root.frontier = new_frontier_;", ""),
    # --- tags
    ("account not in the tag", "migration_tags.cpp", "          .account = entry.account,\n", ""),
    ("older tag copy believed", "tag_cache.cpp", "copies[1]->sequence > copies[0]->sequence", "copies[1]->sequence < copies[0]->sequence"),
    ("lost tags become version 0", "migration_tags.cpp", "tag = {.flags = Tag::flag_lost};", "tag = {};"),
    # --- reading
    ("body's checksum not compared", "fetcher.cpp", "if (body_checksum(body, parts.cache[slot].number) != result.context) {", "if (false) {"),
    ("a body that comes wrongly once is lost", "fetcher.cpp", "+ 1 < body_reads_max) return read_again", "+ 1 < 1) return read_again"),
    ("a body of the log read again at home", "fetcher.cpp", "slot, entry ? parts.geometry.log_block(", "slot, false ? parts.geometry.log_block("),
    ("a frame that stays waits for its taker", "store.cpp", "  cache_[slot].flags &= static_cast<uint8_t>(~FrameDescriptor::flag_leaving);\n", "  (void)slot;\n"),
    ("a frame that is fetched puts another out", "fetcher.cpp", "    cache_wanted_ = true;\n    hand_steps_left_ = sweep_steps(4);\n", "    cache_wanted_ = true;\n    hand_steps_left_ = sweep_steps(4);\n    if (const CacheSlot victim = parts.cache.find_victim(parts.committed_epoch, moment_now(parts), steps_per_call); victim != no_slot) evict(parts, victim);\n"),
    ("contents of a frame not checked", "fetcher.cpp", "if (!wrong.empty()) return lost_body(parts, slot, wrong);", ""),
    ("tag read before the log", "fetcher.cpp", "const SummaryEntry* entry = parts.directory.find(number);", "const SummaryEntry* entry = nullptr;"),
    ("lost entries not missed", "recovery.cpp", "directory_.size() == header_.entry_count ?", "true ?"),
    ("frame numbers of entries not checked", "recovery.cpp", "entry.number.value >= root_.geometry.frames || ", ""),
    # --- the migration's two passes
    ("no flush between the two copies of tags", "migration_tags.cpp",
     "if (any_tag_written_ || !tags_only_) return start_flush(parts);", "if (!second_pass_) return start_tags(parts, true);"),
    ("failed flush between the two copies of tags ignored", "migration.cpp",
     "if (flush_failed_) {\n    // What", "if (false) {\n    // What"),
    ("second copies not written again after a root whose flush failed", "migration.cpp",
     "    start_tags(parts, true);\n    trouble(parts, Phase::tagging, \"the root", "    tag_position_ = parts.directory.size();\n    trouble(parts, Phase::tagging, \"the root"),
    ("root behind the second copies tried again alone", "migration.cpp", "constexpr unsigned tries = 1;", "constexpr unsigned tries = 3;"),
    ("second copies not written", "migration_tags.cpp", "  if (index < parts.roots.current().frontier) return", "  if (!second_pass_ && index < parts.roots.current().frontier) return"),
    ("second copies written first", "migration_tags.cpp", "second_pass_ ? second_write(buffer, generation) : first_write(buffer, generation)", "second_write(buffer, generation)"),
    ("only durable copy of a tag written over", "tag_cache.cpp", "if (!buffer.whole[other]) return {other,", "if (!buffer.whole[other]) return {buffer.content,"),
    ("newer copy of a tag written over", "tag_cache.cpp", "if (!was_begun) return {other, first};", "if (!was_begun) return {buffer.content, first};"),
    ("first write of a tag not made again where it was", "tag_cache.cpp", "return {buffer.content, is_pair ?", "return {other, is_pair ?"),
    ("second write of a tag not made again where it was", "tag_cache.cpp", "if (!is_first_there || buffer.frame().sequence == second) return", "if (!is_first_there) return"),
    ("second write of a tag beside the only copy there is", "tag_cache.cpp", "if (!is_first_there || buffer.frame().sequence == second) return", "if (buffer.frame().sequence == second) return"),
    ("a tag that was written believed without reading it", "migration_tags.cpp", "if (tag_copy_ == both_copies || second_pass_) {", "if (tag_copy_ == both_copies) {"),
    ("a lost write of a tag made again for ever", "migration_tags.cpp", "lost_tags_ < lost_tags_max && ", ""),
    ("a copy of a tag that is not given written again", "migration_tags.cpp", " && !buffer.read_failed[buffer.content ^ 1]", ""),
    ("pairs trusted after a failed flush", "migration.cpp", "    trust_pairs_ = false;\n", ""),
    ("releasing root says that the log is not needed", "migration.cpp", "root.log_need = LogNeed::tags;", "root.log_need = LogNeed::nothing;"),
    ("a log that was written over refuses the image", "recovery.cpp", "read.error().error != OpenError::damaged) return read;", "read.error().error != OpenError::damaged || true) return read;"),
    ("bodies read from a log that may be written over", "fetcher.cpp", "} else if (parts.roots.current().is_in_log()) {", "} else if (parts.roots.current().log_need != LogNeed::nothing) {"),
    ("bodies of a migration not verified", "migration.cpp", "entry.number) == entry.checksum;\n}", "entry.number) != 0;\n}"),
    ("bodies not written again after a failed flush", "migration.cpp", "  batch_ = {};\n  new_frontier_", "  new_frontier_"),
    ("tags not written again after a failed flush", "migration.cpp", "  tag_position_ = 0;\n", ""),
    ("one of a batch not written home", "migration.cpp", "    if (!is_written(i)) continue;\n", "    if (!is_written(i) || (i > 0 && i + 1 == batch_.count)) continue;\n"),
    ("damaged body not brought home", "migration.cpp", "state = arrived ? State::damaged : State::lost;", "state = State::lost;"),
    ("a place that is bad loses its neighbours", "migration.cpp", "batch_.items[i].state = run == 1 ? Item::State::missing : Item::State::in_log;", "batch_.items[i].state = Item::State::missing;"),
    ("version source not in the tag", "migration_tags.cpp", "return {.source = entry.source,\n          .checksum", "return {.checksum"),
    ("frontier raised before its tag frames are written", "checkpointer.cpp", "root.log_need = LogNeed::frames;", "root.log_need = LogNeed::frames;\n  root.frontier = parts.geometry.tag_frames;"),
    ("log released without a root", "migration.cpp", "parts.roots.start(parts.io, root, tries);\n  phase_ = Phase::releasing;", "phase_ = Phase::forgetting;"),
    # --- errors that pass
    ("an error of a read taken for damage", "io_queue.hpp io_queue.cpp", "    case IoPurpose::log_read:\n", ""),
    ("an error of a fetch told at once", "io_queue.hpp io_queue.cpp", "    case IoPurpose::body_read_home:\n", ""),
    ("a bad place waited for for ever", "io_queue.cpp", "if (!is_bad_place(operation)) return true;", "return true;"),
    ("a bad place told without another that succeeds", "io_queue.cpp", "operation.rounds_alone >= bad_place_rounds &&", "operation.rounds >= bad_place_rounds &&"),
    ("nobody probes an ill disk", "io_queue.cpp", "if (is_read(operation.request)) probe();", ""),
    ("a request timed from the last look before it", "io_queue.cpp", "if (operation.seen_ns == 0) operation.seen_ns = now_ns;", "if (operation.seen_ns == 0) operation.seen_ns = 1;"),
    ("an ill disk not told", "disk_health.hpp io_queue.cpp", "if (now_ns - side.since_ns >= failing_ns) tell(side, operation);", ""),
    ("reads not made again at the start", "recovery.cpp", "    if (try_to_read(place, memory)) return true;\n    if (!client_) return false;", "    return try_to_read(place, memory);"),
    # --- what stands twice
    ("tag's checksum not compared", "tag_cache.cpp", "buffer.whole[copy] = !result.failed && verify_tag_frame(", "buffer.whole[copy] = !result.failed && 2 > verify_tag_frame("),
    ("second copy of header and summaries not read", "recovery.cpp", "for (unsigned copy = 0; copy < metadata_copies; ++copy) {\n      const BlockIndex place = root_.geometry.log_block(places[copy]);", "for (unsigned copy = 0; copy < 1; ++copy) {\n      const BlockIndex place = root_.geometry.log_block(places[copy]);"),
    ("checksums of header and summaries not compared", "recovery.cpp", "if (!verify(block, place, root_.store_id)) continue;\n", ""),
    ("header of another attempt believed", "recovery.cpp", "header_.checksum == root_.header_checksums[copy] && ", ""),
    ("stale summary believed", "recovery.cpp", "summary.magic == SummaryBlock::magic_value && summary.generation == header_.generation &&\n             summary.sequence == reference.sequence && ", ""),
    ("stale chain of a header believed", "recovery.cpp", " &&\n               chain.generation == header_.generation && chain.sequence == header_.sequence", ""),
    ("full summary block not sealed", "log_writer.cpp", "  if (current->unsealed > 0 && (current->is_summary_full() || !has_room)) {\n    seal_summary(*current);", "  if (current->unsealed > 0 && (current->is_summary_full() || !has_room)) {\n    current->unsealed = 0;"),
    ("second copy of a summary not made", "log_writer.cpp", "if (copy > 0) std::memcpy(static_cast<void*>(&block), &summary(buffer, last, 0), sizeof(block));", ""),
    ("header without the last segment", "log_writer.cpp", "header.reference_count = static_cast<uint32_t>(reference_count_);",
     "header.reference_count = static_cast<uint32_t>(reference_count_ > 1 ? reference_count_ - 1 : 1);"),
    # --- limits, and what is reserved
    ("ALWAYS-FITS counts only what is new", "checkpointer.cpp", "} else if (dirty_count() >= (reserve", "} else if (dirty_.count >= (reserve"),
    ("reserve of the copy buffers open to all", "frozen_copies.hpp checkpointer.cpp", "vacant_count_ > (reserve ? 0 : copies_.size() / 4)", "vacant_count_ > 0"),
    ("nobody is woken for copy buffers by a failed attempt", "checkpoint_failure.cpp", "    parts.client->wake(WaitChannel::of(WaitChannel::Reason::copy_buffer));\n", ""),
    ("error of a tag remembered", "fetcher.cpp", "if (buffer.state != TagBuffer::State::valid && buffer.pins == 0) parts.tags.forget(index);", ""),
    ("failed attempt not withdrawn", "checkpoint_failure.cpp", "  parts.roots.start(parts.io, root);\n  phase_ = Phase::withdrawing;", "  phase_ = Phase::idle;"),
    # --- roots and numbers, each by itself
    ("a root slot that cannot be read accepted", "recovery.cpp", "    if (survey.read_failed) return failure(OpenError::disk_failed, \"a root slot cannot be read\");\n    return damaged(\"both copies of a root\");", "    if (!survey.read_failed) return damaged(\"both copies of a root\");"),
    ("roots of two stores accepted", "recovery.cpp", "if (survey.contradiction) return", "if (false) return"),
    ("one bad place of a root stops all commits", "root_writer.cpp", "tries_left_ > 0 ? 0 : root_copies - 1", "0"),
    ("a copy of a root that reads as something else tolerated", "root_writer.cpp", "trouble_ = std::memcmp(copy, memory_, block_bytes) != 0;", "not_given_ += std::memcmp(copy, memory_, block_bytes) != 0;"),
    ("only one copy of a root read back", "root_writer.cpp", "trouble_ = std::memcmp(copy, memory_, block_bytes) != 0;", "trouble_ = result.argument == 0 && std::memcmp(copy, memory_, block_bytes) != 0;"),
    ("number of a failed attempt not in the withdrawing root", "checkpoint_failure.cpp", "  root.next_generation = next_generation_;\n", ""),
    ("segment sequence begins anew with each generation", "log_writer.cpp", "  reference_count_ = 0;\n  header_built_ = 0;", "  reference_count_ = 0;\n  next_sequence_ = (next_sequence_ >> 32 << 32) | 1;\n  header_built_ = 0;"),
    ("segment sequence begins anew with each boot", "log_writer.cpp", "next_sequence_ = boot_epoch << 32 | 1;", "next_sequence_ = 1;"),
    ("state of the system in header and root may differ", "recovery.cpp", " ||\n        std::memcmp(&header_.system, &root_.system, sizeof(SystemState)) != 0) {", ") {"),
    # --- the fence
    ("writes go past the fence", "fence.cpp", "if (request.operation != DiskRequest::Operation::write) {", "{"),
    ("reads keep the fence from a queue that is full", "fence.cpp", "    look();\n    let_through();\n    return give(request);", "    return give(request);"),
    ("a stranger's root not told by its identity", "fence.cpp", " || (root.sequence > adopted_ && root.boot_identity != boot_identity_)", ""),
    ("a stranger's root not told by its number", "fence.cpp", " || root.sequence > given_", ""),
    ("another image in the place of this one not noticed", "fence.cpp", "root.store_id != store_id_ || ", ""),
    ("an older disk not noticed", "fence.cpp", "if (all_whole_ && newest_seen_ < durable_)", "if (false)"),
    ("what a boot began from taken for durable", "fence.cpp", "adopted_ = given_ = adopted.sequence;", "adopted_ = given_ = durable_ = adopted.sequence;"),
    ("the fence not told which root stands", "store.cpp", "if (parts_.roots.state() == RootWriter::State::done) fence_.stands(root());", ""),
    ("roots that cannot be read let writes through", "fence.cpp", "if (slots_seen_ != (1u << root_slots) - 1) refused_ = taken_;", ""),
    ("rot of a root taken for a stranger", "fence.cpp", "if (whole && is_strangers(root))", "if (!failed && is_strangers(root))"),
    ("the fence reads one copy only", "fence.cpp", "if (!as_it_should_be && copy_ == 0) {", "if (false) {"),
    ("the fence reads one slot only", "fence.cpp", "if (whole && is_strangers(root))", "if (whole && slot == 0 && is_strangers(root))"),
    ("identity of the boot not in its root", "store_open.cpp", "  root.boot_identity = settings.boot_identity;\n", ""),
    # --- copies of a running image
    ("a tag that is newer than the root believed", "fetcher.cpp", "if (buffer.whole[copy] && is_tag_newer(", "if (false && is_tag_newer("),
    ("a newer tag looked for in one copy only", "fetcher.cpp", "if (buffer.whole[copy] && is_tag_newer(", "if (copy == 0 && buffer.whole[copy] && is_tag_newer("),
    ("rot of a tag taken for a newer one", "fetcher.cpp", "if (buffer.whole[copy] && is_tag_newer(", "if (is_tag_newer("),
    ("a log that is newer than the root called damage", "recovery.cpp", "if (newer) return failure(", "if (false) return failure("),
    ("one attempt behind the root refused", "layout.hpp recovery.cpp", "(root.is_in_log() ? root.newest_generation : root.next_generation)", "root.newest_generation"),
    # --- waiting
    ("nobody is woken for copy buffers", "checkpointer.cpp", "parts.client->wake(WaitChannel::of(Reason::copy_buffer));", ""),
    ("the migration has no load of tags of its own", "migration_tags.cpp", ", index, Need::reserve);", ", index);"),
    ("nobody is woken for log space", "checkpointer.cpp", "parts.client->wake(WaitChannel::of(Reason::log_space));", ""),
    ("nobody is woken for room in the cache", "fetcher.cpp", "parts.client->wake(WaitChannel::of(Reason::cache_space));", ""),
    # --- the kernel over a power cut: what is not written, ...
    ("a page of capabilities changed without asking", "kernel/capabilities/slots.hpp kernel/capabilities/capability_page.cpp",
     "return request.attempt.prepare_write(request.object.slot, Need::reserve);", "return Outcome::prepared();"),
    ("a node changed without asking", "kernel/capabilities/slots.hpp kernel/capabilities/node.cpp",
     "return request.attempt.prepare_write(request.object.slot, Need::reserve);", "return Outcome::prepared();"),
    ("a receiver changed without asking", "kernel/invoke/messages.cpp",
     "  if (const Outcome o = attempt_.prepare_write(at->slot, Need::reserve); o.is_obstacle()) return std::unexpected(o);\n  const auto activity", "  const auto activity"),
    ("a waiting caller changed without asking", "kernel/invoke/messages.cpp",
     "  if (const Outcome o = attempt_.prepare_write(found->slot, Need::reserve); o.is_obstacle()) return std::unexpected(o);\n  const auto activity", "  const auto activity"),
    ("an activity changed without asking", "kernel/processes/process_states.cpp",
     "  if (const Outcome o = attempt_.prepare_write(found->slot, Need::reserve); o.is_obstacle()) {\n    return std::unexpected(o);\n  }\n  const auto activity", "  const auto activity"),
    ("a schedule changed without asking", "kernel/capabilities/schedule.cpp",
     "  if (const Outcome o = request.attempt.prepare_write(request.object.slot, Need::reserve); o.is_obstacle()) return o;\n", ""),
    ("a wrapper changed without asking", "kernel/capabilities/wrapper_control.cpp",
     "  if (const Outcome o = request.attempt.prepare_write(request.object.slot, Need::reserve); o.is_obstacle()) return o;\n", ""),
    ("an object of a row destroyed without asking", "kernel/capabilities/range.cpp",
     "  if (const Outcome o = request.attempt.prepare_write(*slot, Need::reserve); o.is_obstacle()) return o;\n  if (const Outcome o = destruction.retire_object", "  if (const Outcome o = destruction.retire_object"),
    ("the process that runs not written again after the cut", "kernel/kernel.cpp",
     "for (const CacheSlot slot : {processor.slot(), processor.ref().slot()}) {\n    if (store.is_current(slot)) continue;\n    if (const auto dirty",
     "for (const CacheSlot slot : {processor.ref().slot()}) {\n    if (store.is_current(slot)) continue;\n    if (const auto dirty"),
    ("vector registers not in the snapshot", "kernel/kernel.cpp", "  processor.release_fpu();\n  if (options.check)", "  if (options.check)"),
    ("vector registers not saved", "kernel/run/processor.cpp", "  machine::fpu_save(process_->fpu_area);\n", ""),
    ("a page stays writable over the cut", "kernel/memory/page_tables.cpp", "reached.executable, store_->is_current(reached.slot))", "reached.executable, true)"),
    # ... what is told, ...
    ("a failed commit told as one", "kernel/upkeep/checkpoints.cpp", "    has_told_failure_ = is_requested_ = true;\n    return;\n", "    has_told_failure_ = is_requested_ = true;\n"),
    ("who asks for a checkpoint is not held", "kernel/capabilities/checkpoint.cpp", "  lines.hold_current_until_commit();\n", ""),
    ("a commit told to those of the next epoch", "kernel/upkeep/checkpoints.cpp", "  declared_ = store_.epoch();", "  declared_ = store_.epoch() + 1;"),
    ("who is held waits for the commit before", "kernel/run/lines.cpp", "WaitChannel::Reason::commit, store_.epoch()", "WaitChannel::Reason::commit, store_.epoch() - 1"),
    ("nobody is told of a commit", "kernel/upkeep/checkpoints.cpp", "scheduler_.wake_all(WaitChannel::of(WaitChannel::Reason::commit, ++committed_));", "++committed_;"),
    ("the status tells the pending generation", "store.cpp", "status.committed_generation = root.newest_generation.value;",
     "status.committed_generation = std::max(root.newest_generation.value, pending_generation().value);"),
    # ... what is gone, and what runs again
    ("versions of a row repeat", "objects/frame_life.cpp", "  const Version version = take_version(identity);\n  std::byte* object", "  const Version version{identity.source.value | 1};\n  std::byte* object"),
    ("a frame made anew keeps its version", "objects/frame_life.cpp", "  take_version(identity);\n  identity.kind = kind;\n  identity.account = account;\n}", "  identity.kind = kind;\n  identity.account = account;\n}"),
    ("the count of calls not stored", "objects/frame_life.cpp", "  control.root_identity = 0;", "  control.root_identity = 0;\n  control.call_count = 0;"),
    ("a row of activities not linked", "kernel/capabilities/range.cpp", "  if (kind == Kind::activity) list.link(committed, *slot, frame);\n", ""),
    ("the head of the restart list not changed", "kernel/processes/restart_list.cpp", "  system.first_activity_row = frame;\n", ""),
    ("a deadline forgotten by the restart", "kernel/processes/restart_list.cpp", "if (activity.runnable || activity.awaits_deadline) scheduler", "if (activity.runnable) scheduler"),
    ("image verify has its own rule for tags: both copies", "tools/image_view.cpp",
     "believed_copy(whole, {copies[0], copies[1]})", "whole[0] && whole[1] ? believed_copy(whole, {copies[0], copies[1]}) : std::nullopt"),
    ("image verify has its own rule for tags: the first that verifies", "tools/image_view.cpp",
     "believed_copy(whole, {copies[0], copies[1]})", "whole[0] ? std::optional(0u) : whole[1] ? std::optional(1u) : std::nullopt"),
    ("image verify asks a tag about what the log holds", "tools/image_view.cpp", "if (records_[n].is_in_log) continue;", ""),
    ("image verify believes every body", "tools/image_view.cpp", "== record.checksum ? Body::good : Body::bad", "== record.checksum ? Body::good : Body::good"),
    ("a frame that is to be taken away is read for each who asks", "fetcher.cpp", "  if (wanted != Wanted::contents) descriptor.flags |= leaving;", ""),
    ("a verdict told once is forgotten at once", "fetcher.cpp", "now + std::max(took * told_times, told_min)", "now"),
    ("a verdict told for a second, however long it took", "fetcher.cpp", "now + std::max(took * told_times, told_min)", "now + told_min"),
    ("a verdict told before the taker has its turn", "fetcher.cpp", "(wanted != Wanted::contents || !(descriptor.flags & leaving))", "true"),
    ("a frame whose taker has not come back waits for it for ever", "fetcher.cpp", "  if (is_lapsed) clear(descriptor, leaving);  // its taker has not come back\n", ""),
    ("a verdict that was told does not lapse", "descriptor.hpp fetcher.cpp", "return static_cast<int32_t>(moment - verdict_moment", "return !(flags & flag_told) && static_cast<int32_t>(moment - verdict_moment"),
    ("a verdict that was not told does not lapse", "descriptor.hpp fetcher.cpp", "return static_cast<int32_t>(moment - verdict_moment", "return flags & flag_told && static_cast<int32_t>(moment - verdict_moment"),
    ("that contents are lost does not lapse", "descriptor.hpp fetcher.cpp", " || (state == FrameState::clean && flags & flag_body_lost);", ";"),
    ("a verdict leaves the cache like a frame", "frame_cache.cpp", " && !stays(descriptor, moment)) return slot;", ") return slot;"),
    ("verdicts use up the cache", "frame_cache.cpp", "return verdicts_passed_++ < size() / verdicts_share;", "return true;"),
    ("verdicts are passed over once", "frame_cache.cpp", "    if (slot == 0) verdicts_passed_ = 0;\n", ""),
    ("a lapsed verdict stays in the cache", "frame_cache.cpp", " || descriptor.has_lapsed(moment)) return false;", ") return false;"),
    ("what is known of a damaged frame forgotten", "fetcher.cpp", "  parts.cache[slot].flags |= body_absent | body_lost;\n", ""),
    ("who waited for the disk not woken", "fetcher.cpp", "  parts.client->wake(WaitChannel::of(Reason::frame, descriptor.number.value));\n", ""),
]

def with_folder(file):
    return file if "/" in file else "checkpoint/" + file


def try_fault(fault, tests):
    """(what is wrong with it, or None; the test that caught it)."""
    name, files, old, new = fault
    mutated, source = with_folder(files.split()[0]), with_folder(files.split()[-1])
    text = (ROOT / mutated).read_text()
    if text.count(old) != 1:
        return f"its text stands {text.count(old)} times in {mutated}", None
    tests = [test for test in tests if source in changed_source.sources_of(TESTS[test][0])]
    if not tests:
        return f"no test has {source}", None
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        directory = pathlib.Path(folder)
        try:
            fresh = changed_source.compile_changed(TESTS[tests[0]][0], source, {mutated: text.replace(old, new)},
                                                   directory)
        except changed_source.DoesNotCompile as why:
            return f"it does not compile: {why}", None
        for test in tests:
            target, arguments = TESTS[test]
            program = changed_source.link_changed(target, source, fresh, directory)
            if changed_source.fails(program, arguments, directory, PROCESSOR_SECONDS_MAX):
                return ("the tests fail without any fault", test) if name == NOTHING else (None, test)
    return None if name == NOTHING else "nobody noticed", None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", choices=TESTS, help="only this one is to notice")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--list", action="store_true", help="name the faults, try none")
    parser.add_argument("name", nargs="?", default="", metavar="NAME")
    options = parser.parse_args()
    faults = [fault for fault in FAULTS if options.name == fault[0]] or [
        fault for fault in FAULTS if options.name in fault[0]]
    if options.list:
        print("\n".join(fault[0] for fault in faults))
        return 0
    tests = [options.test] if options.test else list(TESTS)
    changed_source.build([target for target, _ in TESTS.values()])
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for fault, (wrong, test) in zip(faults, pool.map(lambda fault: try_fault(fault, tests), faults)):
            passed += wrong is None
            failed += wrong is not None
            told = f"SURVIVED: {wrong}" if wrong else f"caught by {test}" if test else "passes"
            print(f"{told:28} {fault[0]}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
