#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Proves the proof: seeds one fault after the other in the checkpoint code, and requires each time
that the crash simulation or the unit tests of checkpoint/ fail.

  test/simulation/mutations.py [NAME]     only faults whose name contains NAME

A fault is a piece of text replaced in a copy of one source file; that file is compiled and linked
with the objects that the build has made of all the others. A fault whose text is not found (or
found twice) counts as failed: the list is kept with the code. Needs a build; no part of
`scripts/test`, for it takes minutes. The last line is `N passed, N failed`; a passed fault is one
that was caught.
"""

import concurrent.futures
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
TESTS = {  # how each is linked and run
    "simulation": ("test/simulation/crash_simulation", ["--runs", "40"], []),
    "unit": ("test/unit/checkpoint/checkpoint_test", [], [BUILD / "test/libcatch_main.a"]),
}
TIME_LIMIT_S = 120
FLUSH = "parts.io.start({.operation = DiskRequest::Operation::flush}, IoPurpose::flush);"

# name, file in checkpoint/, text, what it becomes
FAULTS = [
    # --- flushes
    ("no flush before the root of a commit", "checkpointer.cpp",
     f"flush_running_ = true;\n      {FLUSH}\n      phase_ = Phase::flushing;", "start_root(parts);"),
    ("no flush after a root", "root_writer.cpp",
     "state_ = State::flushing;\n    left_ = 1;\n    io.start({.operation = DiskRequest::Operation::flush}, IoPurpose::root_flush);",
     "read_back(io);"),
    ("no flush before the log is released", "migration_tags.cpp",
     f"phase_ = Phase::flushing;\n    ++running_;\n    {FLUSH}", "start_release(parts);"),
    ("flush before the writes have ended", "checkpointer.cpp",
     "if (log_.is_writing(parts.io)) return false;\n      if (log_.has_failed())", "if (log_.has_failed())"),
    ("failed flush of a commit ignored", "checkpointer.cpp",
     "if (flush_failed_) fail(parts); else start_root(parts);", "start_root(parts);"),
    ("failed flush of a migration ignored", "migration.cpp",
     "if (failed_) {\n        // What", "if (failed_ = false; failed_) {\n        // What"),
    ("failed flush made again alone", "io_queue.cpp", "!is_flush && ", ""),
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
    ("epoch not raised at the cut", "checkpointer.cpp", "  ++epoch_;\n", ""),
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
    ("commit covers one epoch too many", "checkpointer.cpp", "parts.committed_epoch = epoch_ - 1;", "parts.committed_epoch = epoch_;"),
    ("staged frame changed stays staged", "checkpointer.cpp",
     "    staged_.remove(parts.cache, slot);\n  } else if (dirty_count()", "    return {};\n  } else if (dirty_count()"),
    # --- what stands in the log
    ("last summary entry skipped", "log_writer.cpp", "block.count = index + 1;", "block.count = index;"),
    ("version source not in the summary", "log_writer.cpp", "                     .source = frame.identity.source,\n", ""),
    ("account not in the summary", "log_writer.cpp", "                     .account = frame.identity.account,\n", ""),
    ("hints stored", "log_writer.cpp", "normalize(frame.identity.kind, frame.body, body);", "std::memcpy(body, frame.body, frame_bytes);"),
    ("all-zero frame not marked", "log_writer.cpp", "with_body ? uint16_t{0} : SummaryEntry::flag_all_zero", "uint16_t{0}"),
    ("full summary block not sealed", "log_writer.cpp", "is_summary_full()) {\n    seal_summary(*current);",
     "is_summary_full()) {\n    current->unsealed = false;"),
    ("header without the last segment", "log_writer.cpp", "header.reference_count = static_cast<uint32_t>(reference_count_);",
     "header.reference_count = static_cast<uint32_t>(reference_count_ > 1 ? reference_count_ - 1 : 1);"),
    ("header chain ignored", "recovery.cpp", "if (auto done = read_chain(); !done) return done;", ""),
    # --- failed attempts
    ("staged frames of a failed attempt stay clean", "checkpoint_failure.cpp", "make_dirty_again(parts, staged_);", "staged_ = {};"),
    ("frozen frames of a failed attempt forgotten", "checkpoint_failure.cpp", "make_dirty_again(parts, frozen_);", "frozen_ = {};"),
    ("failed attempt not withdrawn", "checkpoint_failure.cpp", "  parts.roots.start(parts.io, root);\n  phase_ = Phase::withdrawing;", "  phase_ = Phase::idle;"),
    ("withdrawing root not durable", "checkpoint_failure.cpp", "parts.roots.state() == RootWriter::State::failed", "false"),
    ("writes of a failed attempt not awaited", "checkpoint_failure.cpp", "if (log_.is_writing(parts.io)) return false;", ""),
    ("directory of a failed attempt kept", "checkpoint_failure.cpp", "parts.directory.forget_step(32);", "true;"),
    # --- migration
    ("log released without a root", "migration.cpp", "parts.roots.start(parts.io, root);\n  phase_ = Phase::releasing;", "phase_ = Phase::forgetting;"),
    ("log reused under a reader", "migration.cpp", "if (parts.io.in_flight(IoPurpose::body_read_log) > 0) return false;", ""),
    ("body from the log not verified", "migration.cpp", "if (body_checksum(body, entry.number) != entry.checksum) lose(parts, index);", ""),
    ("bodies not written again after a failed flush", "migration.cpp",
     "restart(parts);\n        trouble(parts, Phase::moving,", "restart(parts);\n        trouble(parts, Phase::tagging,"),
    ("tags not written again after a failed flush", "migration.cpp", "  tag_position_ = 0;\n", ""),
    ("failed home write ignored", "migration.cpp",
     "if (failed_) {\n        batch_.state = Batch::State::empty;\n        trouble(parts, Phase::moving, \"a frame cannot",
     "if (failed_ = false; failed_) {\n        batch_.state = Batch::State::empty;\n        trouble(parts, Phase::moving, \"a frame cannot"),
    ("failed tag write ignored", "migration.cpp", "phase_ == Phase::tagging && !failed_) tags_written(parts);",
     "phase_ == Phase::tagging) failed_ = false, tags_written(parts);"),
    ("last body of a batch not written", "migration.cpp", "if (batch_.lost[i]) continue;", "if (batch_.lost[i] || (i > 0 && i + 1 == batch_.count)) continue;"),
    ("bodies are not looked for beyond one step", "migration.cpp", "if (at == directory.size()) phase_", "phase_"),
    ("frontier raised before its tag frames are written", "checkpointer.cpp", "root.unmigrated = 1;", "root.unmigrated = 1;\n  root.frontier = parts.geometry.tag_frames;"),
    ("frontier not raised", "migration.cpp", "root.frontier = new_frontier_;", ""),
    # --- tags
    ("version source not in the tag", "migration_tags.cpp", "{.source = entry.source,\n          .checksum", "{.checksum"),
    ("account not in the tag", "migration_tags.cpp", "          .account = entry.account,\n", ""),
    ("tag copies not alternated", "tag_cache.cpp", "const unsigned other = buffer.content ^ 1u;", "const unsigned other = buffer.content;"),
    ("both tag copies at risk when a migration is done again", "tag_cache.cpp",
     "return buffer.frame().sequence == generation.value ? buffer.content : other;", "return other;"),
    ("older tag copy believed", "tag_cache.cpp", "buffer.copies[1]->sequence > buffer.copies[0]->sequence", "buffer.copies[1]->sequence < buffer.copies[0]->sequence"),
    ("tag's checksum not compared", "tag_cache.cpp",
     "whole[copy] = verify_tag_frame(*buffer.copies[copy], geometry.tag_block(buffer.index, copy),\n                                        root.store_id, buffer.index);",
     "whole[copy] = geometry.frames > 0;"),
    ("any whole tag copy believed", "tag_cache.cpp", "buffer.state = believed ?", "buffer.state = whole[0] || whole[1] || believed ?"),
    ("torn tag copy excused without a migration", "tag_cache.cpp", "root.unmigrated && ", ""),
    ("excused tag copy believed for ever", "tag_cache.cpp", "buffer.state == TagBuffer::State::valid && !buffer.other_whole", "false"),
    ("lost tags become version 0", "migration_tags.cpp", "tag = {.flags = Tag::flag_lost};", "tag = {};"),
    # --- reading
    ("body's checksum not compared", "fetcher.cpp", "if (body_checksum(body, parts.cache[slot].number) != result.context) {", "if (false) {"),
    ("contents of a frame not checked", "fetcher.cpp", "if (!wrong.empty()) return unreadable(parts, slot, wrong);", ""),
    ("tag read before the log", "fetcher.cpp", "const SummaryEntry* entry = parts.directory.find(number);", "const SummaryEntry* entry = nullptr;"),
    ("summary's checksum not compared", "recovery.cpp", "!verify(summary, place, root_.store_id) || ", ""),
    ("stale summary believed", "recovery.cpp", "        summary.generation != header_.generation || summary.sequence != reference.sequence ||\n", ""),
    ("header's checksum not compared", "recovery.cpp", "header_.checksum != root_.header_checksum || !verify(header_, place, root_.store_id) ||\n        ", ""),
    ("stale chain of a header believed", "recovery.cpp", " || chain.generation != header_.generation || chain.sequence != header_.sequence", ""),
    ("lost entries not missed", "recovery.cpp", "directory_.size() == header_.entry_count ?", "true ?"),
    ("frame numbers of entries not checked", "recovery.cpp", "entry.number.value >= root_.geometry.frames || ", ""),
    # --- waiting
    ("nobody is woken for copy buffers", "checkpointer.cpp", "parts.client->wake(WaitChannel::of(Reason::copy_buffer));", ""),
    ("nobody is woken for log space", "checkpointer.cpp", "parts.client->wake(WaitChannel::of(Reason::log_space));", ""),
    ("nobody is woken for room in the cache", "fetcher.cpp", "parts.client->wake(WaitChannel::of(Reason::cache_space));", ""),
]


def compile_command():
    """Of one file of checkpoint/, as the build compiles it for the simulation."""
    out = subprocess.run(["ninja", "-C", str(BUILD), "-t", "commands", TESTS["simulation"][0]],
                         check=True, capture_output=True, text=True).stdout
    line = next(line for line in out.splitlines() if line.endswith("/checkpoint/checkpointer.cpp"))
    words = shlex.split(line)
    return words[:words.index("-MD")] if "-MD" in words else words[:words.index("-o")]


def run_test(name, directory, source, fresh_object):
    """True if the test fails with the changed object in the place of its own."""
    target, arguments, libraries = TESTS[name]
    objects = []
    for path in sorted((BUILD / f"{target}.p").glob("*.o")):
        objects.append(fresh_object if path.name.endswith(f"checkpoint_{source}.o") else path)
    assert fresh_object in objects or source == "none", f"{target} has no object of {source}"
    program = directory / name
    subprocess.run(["c++", "-o", program, *objects, *libraries], check=True, capture_output=True)
    try:
        return subprocess.run([program, *arguments], capture_output=True, timeout=TIME_LIMIT_S).returncode != 0
    except subprocess.TimeoutExpired:
        return True


def try_fault(fault, compiler):
    name, source, old, new = fault
    text = (ROOT / "checkpoint" / source).read_text()
    if text.count(old) != 1:
        return name, f"its text stands {text.count(old)} times in {source}"
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        directory = pathlib.Path(folder)
        changed = directory / source
        changed.write_text(text.replace(old, new))
        fresh_object = directory / "changed.o"
        done = subprocess.run([*compiler, "-w", "-I", str(ROOT), "-o", fresh_object, "-c", changed], cwd=BUILD,
                              capture_output=True, text=True)
        if done.returncode != 0:
            return name, "it does not compile: " + done.stderr.splitlines()[0]
        for test in TESTS:
            if run_test(test, directory, source, fresh_object):
                return name, None, test
    return name, "nobody noticed"


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    faults = [fault for fault in FAULTS if wanted in fault[0]]
    subprocess.run(["ninja", "-C", str(BUILD), *(test[0] for test in TESTS.values())], check=True, capture_output=True)
    compiler = compile_command()
    control = ("nothing", "checkpointer.cpp", "  ++epoch_;\n", "  ++epoch_;\n")
    if try_fault(control, compiler)[1] != "nobody noticed":
        print("the tests fail without any fault\n0 passed, 1 failed")
        return 1
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for name, wrong, *caught_by in pool.map(lambda fault: try_fault(fault, compiler), faults):
            passed += wrong is None
            failed += wrong is not None
            print(f"{'caught by ' + caught_by[0] if wrong is None else 'SURVIVED: ' + wrong:24} {name}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
