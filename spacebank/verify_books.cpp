// SPDX-License-Identifier: MIT
#include "spacebank/verify_books.hpp"

#include <bit>

#include "spacebank/bank_tree.hpp"
#include "spacebank/frame_books.hpp"
#include "spacebank/interface.hpp"

namespace perdure::bank {
namespace {

using Problem = std::optional<BooksProblem>;

constexpr uint64_t all_used = ~uint64_t{0};

class Verifier {
 public:
  explicit Verifier(Arena arena) : arena_(arena), header_(arena.header()) {}

  Problem run() {
    for (const auto check : {&Verifier::check_header, &Verifier::check_records,
                             &Verifier::check_banks, &Verifier::check_frames,
                             &Verifier::check_groups, &Verifier::check_dying}) {
      if (Problem problem = (this->*check)()) return problem;
    }
    return {};
  }

 private:
  static Problem wrong(std::string_view what, uint64_t number) { return BooksProblem{what, number}; }

  bool is_known(Bank bank) const { return arena_.has(bank); }
  bool is_known_or_none(Bank bank) const { return bank == Bank::none || is_known(bank); }

  Problem check_header() {
    if (header_.records_touched <= number(Bank::root)) return wrong("no root bank", 0);
    if (header_.records_touched > header_.record_count) return wrong("too many records", 0);
    if (header_.groups_touched > header_.group_count) return wrong("too many groups", 0);
    const BankRecord& root = arena_.at(Bank::root);
    if (!is_known(Bank::root) || root.parent != Bank::none ||
        root.next_sibling != Bank::none || root.previous_sibling != Bank::none) {
      return wrong("root bank damaged", 1);
    }
    return {};
  }

  // Every record is in use or in the list of free ones.
  Problem check_records() {
    uint32_t in_use = 0;
    for (uint32_t i = 1; i < header_.records_touched; ++i) in_use += is_known(Bank{i});
    if (in_use != header_.bank_count) return wrong("count of banks", in_use);
    uint32_t free = 0;
    for (Bank at = header_.free_records; at != Bank::none; at = arena_.at(at).next_sibling) {
      if (number(at) >= header_.records_touched || is_known(at)) {
        return wrong("free record is none", number(at));
      }
      if (++free > header_.records_touched) return wrong("free records run in circles", 0);
    }
    if (in_use + free + 1 != header_.records_touched) return wrong("records are lost", free);
    return {};
  }

  Problem check_banks() {
    for (uint32_t i = 1; i < header_.records_touched; ++i) {
      if (!is_known(Bank{i})) continue;
      if (Problem problem = check_links(Bank{i})) return problem;
    }
    uint64_t owned = 0;
    for (uint32_t i = 1; i < header_.records_touched; ++i) {
      if (!is_known(Bank{i})) continue;
      if (Problem problem = check_facets(Bank{i})) return problem;
      if (Problem problem = check_usage(Bank{i}, owned)) return problem;
    }
    owned_frames_ = owned;
    const uint32_t below_root = arena_.at(Bank::root).used_by_kind[static_cast<size_t>(Kind::empty)];
    if (below_root + 1 != header_.bank_count) return wrong("banks outside the tree", below_root);
    return {};
  }

  // Every bank's path ends at the root: so there are no circles, and the checks that follow may
  // climb. That all banks can be reached from the root
  // follows when usage adds up: it counts them.
  Problem check_links(Bank bank) {
    const BankRecord& record = arena_.at(bank);
    if (!is_known_or_none(record.first_child) || !is_known_or_none(record.next_sibling) ||
        !is_known_or_none(record.previous_sibling)) {
      return wrong("bank links to no bank", number(bank));
    }
    if (bank == Bank::root) return {};
    if (!is_known(record.parent)) return wrong("bank without parent", number(bank));
    if (!leads_to_root(bank)) return wrong("depth of bank", number(bank));
    const BankRecord& parent = arena_.at(record.parent);
    const bool is_first = record.previous_sibling == Bank::none;
    const Bank linked_by = is_first ? parent.first_child
                                    : arena_.at(record.previous_sibling).next_sibling;
    if (linked_by != bank) return wrong("bank is not among its siblings", number(bank));
    if (!is_first && arena_.at(record.previous_sibling).parent != record.parent) {
      return wrong("siblings of two parents", number(bank));
    }
    return {};
  }

  bool leads_to_root(Bank bank) const {
    for (unsigned depth = 1; depth <= bank_depth_max && is_known(bank); ++depth) {
      if (bank == Bank::root) return true;
      bank = arena_.at(bank).parent;
    }
    return false;
  }

  Problem check_facets(Bank bank) {
    const BankRecord& record = arena_.at(bank);
    if (!arena_.has(record.facets)) return wrong("bank without facets", number(bank));
    const FrameEntry& entry = arena_.at(record.facets);
    const Bank payer = bank == Bank::root ? bank : record.parent;
    if (entry.use != FrameUse::facets || entry.owner != payer) {
      return wrong("facets of bank", number(bank));
    }
    const bool has_asker = record.flags & BankRecord::flag_has_asker;
    if (has_asker != (entry.kind == Kind::capability_page)) return wrong("asker of bank", number(bank));
    if (entry.kind != Kind::wrapper && !BankTree(arena_).is_ending(bank)) {
      return wrong("living bank without facets", number(bank));
    }
    if (entry.allocated & ~all_places(Kind::wrapper)) return wrong("facet out of range", number(bank));
    ++facets_;
    return {};
  }

  // USAGE-ADDS-UP, bank by bank: with it true for every bank, it is true for the whole tree.
  Problem check_usage(Bank bank, uint64_t& owned) {
    const BankRecord& record = arena_.at(bank);
    FramesByKind expected{};
    for (unsigned kind = 1; kind < kind_count; ++kind) {
      if (Problem problem = count_ring(bank, static_cast<Kind>(kind), expected[kind])) return problem;
      owned += expected[kind];
    }
    if (bank == Bank::root) ++expected[static_cast<size_t>(Kind::wrapper)];
    uint32_t children = 0;
    for (Bank child = record.first_child; child != Bank::none; child = arena_.at(child).next_sibling) {
      if (!is_known(child) || ++children > header_.bank_count) return wrong("children", number(bank));
      for (unsigned kind = 0; kind < kind_count; ++kind) {
        expected[kind] += arena_.at(child).used_by_kind[kind] + cost_of_a_bank()[kind];
      }
    }
    uint64_t total = 0;
    for (unsigned kind = 0; kind < kind_count; ++kind) {
      if (record.used_by_kind[kind] != expected[kind]) return wrong("usage by kind", number(bank));
      total += expected[kind];
    }
    if (record.used != total) return wrong("usage of bank", number(bank));
    return {};
  }

  Problem count_ring(Bank bank, Kind kind, uint32_t& count) {
    const Frame first = arena_.at(bank).first_of_kind[static_cast<size_t>(kind)];
    if (first == Frame::none) return {};
    bool full_seen = false;
    Frame at = first;
    do {
      if (!arena_.has(at)) return wrong("ring leads out of the store", number(bank));
      const FrameEntry& entry = arena_.at(at);
      if (entry.use != FrameUse::bought || entry.owner != bank || entry.kind != kind) {
        return wrong("frame in another's ring", number(at));
      }
      if (!arena_.has(entry.next) || arena_.at(entry.next).previous != at) {
        return wrong("broken ring", number(at));
      }
      if (Problem problem = check_places(at, full_seen)) return problem;
      if (++count > header_.frame_count) return wrong("endless ring", number(bank));
      at = entry.next;
    } while (at != first);
    return {};
  }

  // PLACES-FIRST. A row without objects has been given back.
  Problem check_places(Frame frame, bool& full_seen) {
    const FrameEntry& entry = arena_.at(frame);
    if (!is_row(entry.kind)) {
      return entry.allocated == 0 ? Problem{} : wrong("places in a whole frame", number(frame));
    }
    const uint64_t all = all_places(entry.kind);
    if (entry.allocated == 0) return wrong("empty row", number(frame));
    if (entry.allocated & ~all) return wrong("place out of range", number(frame));
    const bool is_full = entry.is_closed || entry.allocated == all;
    if (full_seen && !is_full) return wrong("free place behind a full row", number(frame));
    full_seen = is_full;
    return {};
  }

  // ONE-OWNER: a frame is used exactly if its group says so, and as many frames are bought and
  // hold facets as stand in rings and belong to banks.
  Problem check_frames() {
    uint64_t bought = 0, facets = 0, free = 0;
    for (uint32_t i = 0; i < header_.frame_count; ++i) {
      const FrameEntry& entry = arena_.at(Frame{i});
      const FrameGroup& group = arena_.at(Group{i / frames_per_group});
      const bool is_used = group.used >> i % frames_per_group & 1;
      if (is_used != (entry.use != FrameUse::free)) return wrong("use of frame", i);
      if ((entry.use == FrameUse::reserved) != (i == 0)) return wrong("reserved frame", i);
      bought += entry.use == FrameUse::bought;
      facets += entry.use == FrameUse::facets;
      free += !is_used;
    }
    if (bought != owned_frames_) return wrong("frames in no ring", bought);
    if (facets != facets_) return wrong("facets of no bank", facets);
    if (free != header_.free_frames) return wrong("count of free frames", free);
    return {};
  }

  Problem check_groups() {
    uint64_t in_rings = 0;
    if (Problem problem = count_groups(header_.whole_groups, true, in_rings)) return problem;
    if (Problem problem = count_groups(header_.partial_groups, false, in_rings)) return problem;
    uint64_t with_free = 0;
    for (uint32_t i = 0; i < header_.groups_touched; ++i) with_free += arena_.at(Group{i}).used != all_used;
    if (with_free != in_rings) return wrong("groups in no ring", with_free);
    return {};
  }

  Problem count_groups(Group first, bool must_be_whole, uint64_t& count) {
    if (first == Group::none) return {};
    Group at = first;
    do {
      if (number(at) >= header_.groups_touched) return wrong("group out of range", number(at));
      const FrameGroup& group = arena_.at(at);
      if (group.used == all_used || (group.used == 0) != must_be_whole) {
        return wrong("group in the wrong ring", number(at));
      }
      if (number(group.next) >= header_.groups_touched || arena_.at(group.next).previous != at) {
        return wrong("broken ring of groups", number(at));
      }
      if (++count > header_.group_count) return wrong("endless ring of groups", number(at));
      at = group.next;
    } while (at != first);
    return {};
  }

  // Those that end: dying or dissolving, never both.
  bool ends(Bank bank) const {
    const uint8_t flags = arena_.at(bank).flags & (BankRecord::flag_dying | BankRecord::flag_dissolving);
    return flags == BankRecord::flag_dying || flags == BankRecord::flag_dissolving;
  }

  Problem check_dying() {
    uint32_t marked = 0;
    for (uint32_t i = 1; i < header_.records_touched; ++i) {
      const uint8_t flags = arena_.at(Bank{i}).flags;
      marked += is_known(Bank{i}) && (flags & (BankRecord::flag_dying | BankRecord::flag_dissolving));
    }
    uint32_t in_line = 0;
    Bank last = Bank::none;
    for (Bank at = header_.first_dying; at != Bank::none; at = arena_.at(at).next_dying) {
      if (!is_known(at) || !ends(at) || ++in_line > marked) {
        return wrong("line of dying banks", number(at));
      }
      last = at;
    }
    if (in_line != marked || last != header_.last_dying) return wrong("line of dying banks", marked);
    return check_sweep();
  }

  Problem check_sweep() {
    if (header_.sweep_phase > SweepPhase::contents) return wrong("sweep phase", 0);
    const bool is_idle = header_.sweep_phase == SweepPhase::idle;
    if (is_idle != (header_.first_dying == Bank::none)) return wrong("sweep phase", 0);
    if (is_idle) return {};
    const bool dissolves = arena_.at(header_.first_dying).flags & BankRecord::flag_dissolving;
    if (header_.sweep_phase != SweepPhase::empty &&
        dissolves != (header_.sweep_phase >= SweepPhase::banks)) {
      return wrong("sweep phase", number(header_.first_dying));
    }
    const bool is_in_place =
        is_known(header_.sweep_at) && BankTree(arena_).is_within(header_.first_dying, header_.sweep_at);
    return is_in_place ? Problem{} : wrong("place of the sweep", number(header_.sweep_at));
  }

  Arena arena_;
  const ArenaHeader& header_;
  uint64_t owned_frames_ = 0;
  uint64_t facets_ = 0;
};

}  // namespace

std::optional<BooksProblem> verify_books(Arena arena) { return Verifier(arena).run(); }

BookedFrame booked(Arena arena, Frame frame) {
  const FrameEntry& entry = arena.at(frame);
  const bool is_empty = entry.kind == Kind::empty;
  return {.use = entry.use,
          .kind = entry.kind,
          .account = is_empty ? Account{} : account_of(entry.owner),
          .allocated = entry.allocated};
}

}  // namespace perdure::bank
