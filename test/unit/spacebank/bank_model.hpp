// SPDX-License-Identifier: MIT
//
// What the space bank should do, told in maps and recomputed from scratch. Predicts the answer
// of every request; knows nothing of rings, groups and records.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "spacebank/bank_logic.hpp"
#include "spacebank/interface.hpp"
#include "test/support/range_model.hpp"

namespace perdure::bank {

struct ModelObject {
  Bank payer;
  Kind kind;
  Capability capability;
};

struct ModelBank {
  Bank parent = Bank::none;
  uint64_t limit = 0;
  bool is_asked_to_die = false;
  bool is_dissolving = false;
};

using Totals = std::array<uint64_t, kind_count>;

struct BankModel {
  explicit BankModel(uint64_t frame_count) : frames(frame_count) {
    banks[Bank::root] = {Bank::none, frame_count - 1};
  }

  std::vector<Bank> path(Bank bank) const {
    std::vector<Bank> result;
    for (; bank != Bank::none; bank = banks.at(bank).parent) result.push_back(bank);
    return result;
  }
  // Or is being dissolved: nothing is sold from it either.
  bool is_dying(Bank bank) const {
    if (banks.at(bank).is_dissolving) return true;
    const auto up = path(bank);
    return std::any_of(up.begin(), up.end(), [&](Bank b) { return banks.at(b).is_asked_to_die; });
  }
  bool is_within(Bank top, Bank bank) const {
    const auto up = path(bank);
    return std::find(up.begin(), up.end(), top) != up.end();
  }
  uint64_t effective_limit(Bank bank) const {
    uint64_t limit = ~uint64_t{0};
    for (const Bank b : path(bank)) limit = std::min(limit, banks.at(b).limit);
    return limit;
  }

  // Frames by kind of every bank, all below it included.
  std::map<Bank, Totals> totals() const {
    std::map<Bank, Totals> result;
    std::set<uint64_t> seen;
    const auto add = [&](Bank payer, Kind kind) {
      for (const Bank b : path(payer)) ++result[b][static_cast<size_t>(kind)];
    };
    for (const auto& [bank, entry] : banks) {
      result[bank];
      if (bank == Bank::root) {
        add(Bank::root, Kind::wrapper);
      } else {
        add(entry.parent, Kind::wrapper);
        add(entry.parent, Kind::empty);
      }
    }
    for (const auto& [id, object] : objects) {
      if (seen.insert(id.frame().value).second) add(object.payer, object.kind);
    }
    return result;
  }

  uint64_t frames_in_use() const {
    uint64_t last = 0, count = 0;  // objects are sorted by frame
    for (const auto& [id, object] : objects) {
      count += id.frame().value != last;
      last = id.frame().value;
    }
    return count + banks.size();  // a row of facets each
  }

  static uint64_t sum(const Totals& totals) {
    uint64_t result = 0;
    for (const uint64_t count : totals) result += count;
    return result;
  }

  Result can_charge(Bank bank, uint64_t count, uint64_t physical) const {
    if (is_dying(bank)) return Result::dying;
    const auto all = totals();
    for (const Bank b : path(bank)) {
      if (sum(all.at(b)) + count > banks.at(b).limit) return Result::limit_reached;
    }
    return frames_in_use() + physical > frames - 1 ? Result::exhausted : Result::ok;
  }

  bool has_place(Bank bank, Kind kind) const {
    std::map<uint64_t, unsigned> rows;
    for (const auto& [id, object] : objects) {
      if (object.payer == bank && object.kind == kind) ++rows[id.frame().value];
    }
    return is_row(kind) && std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
             return row.second < info(kind).objects_per_frame;
           });
  }

  Result allocate(Bank bank, Kind kind) const {
    if (is_dying(bank)) return Result::dying;
    return has_place(bank, kind) ? Result::ok : can_charge(bank, 1, 1);
  }

  Result create(Bank parent) const {
    if (const Result result = can_charge(parent, 2, 1); result == Result::dying ||
                                                        result == Result::limit_reached) {
      return result;
    }
    if (path(parent).size() == bank_depth_max) return Result::limit_reached;
    if (banks.size() == frames / 2 + 1) return Result::exhausted;  // one record for two frames
    return can_charge(parent, 2, 1);
  }

  Result free(Bank bank, ObjectId id, Kind kind) const {
    if (is_dying(bank)) return Result::dying;
    const auto found = objects.find(id);
    const bool is_its_own =
        found != objects.end() && found->second.payer == bank && found->second.kind == kind;
    return is_its_own ? Result::ok : Result::not_found;
  }

  uint64_t frames;
  std::map<Bank, ModelBank> banks;
  std::map<ObjectId, ModelObject> objects;
};

}  // namespace perdure::bank
