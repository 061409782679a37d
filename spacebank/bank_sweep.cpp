// SPDX-License-Identifier: MIT
#include "spacebank/bank_sweep.hpp"

namespace perdure::bank {

using std::unexpected;

Expected<void, Result> BankSweep::check_can_end(Bank bank) const {
  if (bank == Bank::root) return unexpected(Result::in_use);
  if (tree_.is_ending(bank)) return unexpected(Result::dying);
  return {};
}

Expected<void, Result> BankSweep::begin(Bank bank) {
  if (auto can = check_can_end(bank); !can) return can;
  stand_in_line(bank, BankRecord::flag_dying);
  return {};
}

// Its facets go at once: a holder of one must not come between its parts.
Expected<void, Result> BankSweep::begin_dissolving(Bank bank) {
  if (auto can = check_can_end(bank); !can) return can;
  if (auto done = void_facets(bank); !done) return done;
  stand_in_line(bank, BankRecord::flag_dissolving);
  return {};
}

void BankSweep::stand_in_line(Bank bank, uint8_t flag) {
  ArenaHeader& header = arena_.header();
  arena_.at(bank).flags |= flag;
  arena_.at(bank).next_dying = Bank::none;
  if (header.first_dying != Bank::none) {
    arena_.at(header.last_dying).next_dying = bank;
    header.last_dying = bank;
    return;
  }
  header.first_dying = header.last_dying = bank;
  start_first_in_line();
}

void BankSweep::start_first_in_line() {
  ArenaHeader& header = arena_.header();
  header.sweep_at = header.first_dying;
  if (header.first_dying == Bank::none) {
    header.sweep_phase = SweepPhase::idle;
    return;
  }
  const bool dissolves = arena_.at(header.first_dying).flags & BankRecord::flag_dissolving;
  header.sweep_phase = dissolves ? SweepPhase::banks : SweepPhase::facets;
}

Expected<FrameNumber, Result> BankSweep::keep_asker(Bank bank) {
  const Frame frame = arena_.at(bank).facets;
  FrameEntry& entry = arena_.at(frame);
  const Result made =
      maker_.make(frame_number(frame), Kind::capability_page, account_of(entry.owner), 0);
  if (made != Result::ok) return unexpected(made);
  entry.kind = Kind::capability_page;
  entry.allocated = 0;
  arena_.at(bank).flags |= BankRecord::flag_has_asker;
  return frame_number(frame);
}

Expected<SweepResult, Result> BankSweep::step() {
  using State = SweepResult::State;
  Expected<void, Result> done;
  switch (arena_.header().sweep_phase) {
    case SweepPhase::idle: return SweepResult{State::idle, Bank::none};
    case SweepPhase::facets: done = step_facets(); break;
    case SweepPhase::processes: done = step_processes(); break;
    case SweepPhase::rest: done = step_rest(); break;
    case SweepPhase::banks: done = step_banks(); break;
    case SweepPhase::contents: done = step_contents(); break;
    case SweepPhase::empty: break;
  }
  if (!done) return unexpected(done.error());
  const ArenaHeader& header = arena_.header();
  const bool is_empty = header.sweep_phase == SweepPhase::empty;
  return SweepResult{is_empty ? State::empty : State::more, header.first_dying};
}

// The frame stays the bank's until close(): where the asker is kept, and so that nothing else is
// made in it while the bank dies.
Expected<void, Result> BankSweep::void_facets(Bank bank) {
  FrameEntry& entry = arena_.at(arena_.at(bank).facets);
  if (entry.kind != Kind::wrapper) return {};
  const auto done = maker_.rescind(frame_number(arena_.at(bank).facets), 1);
  if (!done) return unexpected(done.error());
  entry.kind = Kind::empty;
  entry.allocated = 0;
  return {};
}

Expected<void, Result> BankSweep::step_facets() {
  ArenaHeader& header = arena_.header();
  if (auto done = void_facets(header.sweep_at); !done) return done;
  header.sweep_at = tree_.next_parents_first(header.first_dying, header.sweep_at);
  if (header.sweep_at != Bank::none) return {};
  header.sweep_at = header.first_dying;
  header.sweep_phase = SweepPhase::processes;
  return {};
}

Expected<void, Result> BankSweep::step_processes() {
  ArenaHeader& header = arena_.header();
  const Bank bank = header.sweep_at;
  const Frame process = arena_.at(bank).first_of_kind[static_cast<size_t>(Kind::process)];
  if (process != Frame::none) return rescind_run(bank, run_around(bank, process, true));
  header.sweep_at = tree_.next_parents_first(header.first_dying, bank);
  if (header.sweep_at != Bank::none) return {};
  header.sweep_at = tree_.first_leaf(header.first_dying);
  header.sweep_phase = SweepPhase::rest;
  return {};
}

Expected<void, Result> BankSweep::step_rest() {
  ArenaHeader& header = arena_.header();
  const Bank bank = header.sweep_at;
  const Frame frame = first_frame(bank);
  if (frame != Frame::none) return rescind_run(bank, run_around(bank, frame, false));
  if (bank == header.first_dying) {
    header.sweep_phase = SweepPhase::empty;
    return {};
  }
  const Bank parent = arena_.at(bank).parent;
  if (auto closed = close(bank); !closed) return closed;
  header.sweep_at = tree_.first_leaf(parent);
  return {};
}

Frame BankSweep::first_frame(Bank bank) const {
  for (const Frame first : arena_.at(bank).first_of_kind) {
    if (first != Frame::none) return first;
  }
  return Frame::none;
}

// The longest run of neighbours around `within`, up to the bound, that this bank bought.
BankSweep::Run BankSweep::run_around(Bank bank, Frame within, bool only_its_kind) const {
  const Kind kind = arena_.at(within).kind;
  const auto belongs = [&](uint32_t frame) {
    if (frame >= arena_.frame_count()) return false;
    const FrameEntry& entry = arena_.at(Frame{frame});
    return entry.use == FrameUse::bought && entry.owner == bank &&
           (!only_its_kind || entry.kind == kind);
  };
  Run run{.first = number(within), .count = 1};
  while (run.count < sweep_run_max && belongs(run.first - 1)) --run.first, ++run.count;
  while (run.count < sweep_run_max && belongs(run.first + run.count)) ++run.count;
  return run;
}

Expected<void, Result> BankSweep::rescind_run(Bank bank, Run run) {
  const auto done = maker_.rescind({run.first}, run.count);
  if (!done) return unexpected(done.error());
  release(bank, {run.first, static_cast<uint32_t>(*done < run.count ? *done : run.count)});
  return {};
}

void BankSweep::release(Bank bank, Run run) {
  FramesByKind freed{};
  for (uint32_t i = 0; i < run.count; ++i) {
    const Frame frame{run.first + i};
    ++freed[static_cast<size_t>(arena_.at(frame).kind)];
    books_.leave(frame);
    books_.give_back(frame);
  }
  tree_.discharge(bank, freed);
}

// --- dissolving ----------------------------------------------------------------------------

// One child bank for each step: its facets frame gets another payer, it gets another parent.
Expected<void, Result> BankSweep::step_banks() {
  ArenaHeader& header = arena_.header();
  const BankRecord& dissolving = arena_.at(header.first_dying);
  const Bank child = dissolving.first_child;
  if (child == Bank::none) {
    header.sweep_phase = SweepPhase::contents;
    return {};
  }
  const Frame facets = arena_.at(child).facets;
  const auto done = maker_.set_account(frame_number(facets), 1, account_of(dissolving.parent));
  // A row that cannot be read: only the books name its owner, and nothing is made in it as long as that is so.
  if (!done && done.error() != Result::unreadable) return unexpected(done.error());
  arena_.at(facets).is_closed = !done;
  arena_.at(facets).owner = dissolving.parent;
  tree_.move_beside_parent(child);
  return {};
}

Expected<void, Result> BankSweep::step_contents() {
  ArenaHeader& header = arena_.header();
  const Bank bank = header.first_dying;
  const Frame frame = first_frame(bank);
  if (frame == Frame::none) {
    header.sweep_phase = SweepPhase::empty;
    return {};
  }
  const Run run = run_around(bank, frame, false);
  const auto done = maker_.set_account({run.first}, run.count, account_of(arena_.at(bank).parent));
  // What cannot be read is not passed on, but ends here.
  if (!done && done.error() == Result::unreadable) return rescind_run(bank, {run.first, 1});
  if (!done) return unexpected(done.error());
  pass_to_parent(bank, {run.first, static_cast<uint32_t>(*done < run.count ? *done : run.count)});
  return {};
}

void BankSweep::pass_to_parent(Bank bank, Run run) {
  FramesByKind passed{};
  for (uint32_t i = 0; i < run.count; ++i) {
    const Frame frame{run.first + i};
    ++passed[static_cast<size_t>(arena_.at(frame).kind)];
    books_.pass(frame, arena_.at(bank).parent);
  }
  tree_.pass_up(bank, passed);
}

// --- the end -------------------------------------------------------------------------------

// An empty bank: its facets frame and its record go back to the one above it.
Expected<void, Result> BankSweep::close(Bank bank) {
  const BankRecord& record = arena_.at(bank);
  if (record.flags & BankRecord::flag_has_asker) {
    const auto done = maker_.rescind(frame_number(record.facets), 1);
    if (!done) return unexpected(done.error());
  }
  const Bank parent = record.parent;
  books_.give_back(record.facets);
  tree_.remove(bank);
  tree_.discharge(parent, cost_of_a_bank());
  return {};
}

Expected<void, Result> BankSweep::finish(Bank bank) {
  ArenaHeader& header = arena_.header();
  const Bank next = arena_.at(bank).next_dying;
  if (auto closed = close(bank); !closed) return closed;
  header.first_dying = next;
  if (next == Bank::none) header.last_dying = Bank::none;
  start_first_in_line();
  return {};
}

}  // namespace perdure::bank
