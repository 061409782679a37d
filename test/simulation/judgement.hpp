// SPDX-License-Identifier: MIT
//
// What can be read of a medium: as `image verify` judges it, by the tool's own code, linked in; and as the store
// does that starts from it and reads everything. The rule is one, so they must say the same of every medium.
#pragma once

#include <set>
#include <string>

#include "test/simulation/oracle.hpp"
#include "test/support/simulated_disk.hpp"

namespace perdure {

struct Judgement {
  std::string refusal;  // not empty: nothing is served, and why
  std::set<uint64_t> unreadable;  // frames

  bool is_sound() const { return refusal.empty() && unreadable.empty(); }
  std::string told() const;
};

// Of roots, log, tags and bodies; what holds between objects is no part of it. Throws SimulationFailure if a frame that
// can be read is not what `truth` says.
Judgement judgement_of_tool(const std::string& path, const World& truth);
Judgement judgement_of_tool(const Medium&, const World& truth);

// Throws SimulationFailure if one of the two serves what the other does not.
void expect_alike(const Judgement& tool, const Judgement& store);

// The first finding of `image verify`, objects and books included; empty: there is none.
std::string first_finding(const Medium&);

}  // namespace perdure
