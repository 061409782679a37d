// SPDX-License-Identifier: MIT
//
// Which space used a node: so that a change of the node voids the translations of that space alone,
// and not those of all spaces. Not a mapping database: a fixed table of hints, which errs only towards
// voiding too much. A node's mark is found by a hash; nodes that share one are as one.
//
// Invariant MARKED-BEFORE-MAPPED: before a translation is entered, every node that its walk used is
// marked for the root; so a node without a valid mark is behind no translation.
//
//   unmarked --walk of a space--> one space --walk of another space--> many spaces
//       ^          the mapping epoch moves, or that root has another identity now |
//       +-------------------------------------------------------------------------+
#pragma once

#include <array>
#include <cstdint>

#include "kernel/memory/table_pool.hpp"
#include "objects/ids.hpp"

namespace perdure {

struct NodeMark {
  static constexpr uint64_t many = UINT64_MAX;
  uint64_t mapping_epoch = 0;   // in another one it says nothing
  uint64_t root_identity = 0;   // of the only root, or `many`
  TableNumber root = no_table;  // which had that identity
};

class NodeMarks {
 public:
  NodeMark& of(uint64_t node) { return marks_[node * 0x9e3779b97f4a7c15 >> (64 - bits)]; }

 private:
  static constexpr unsigned bits = 12;
  std::array<NodeMark, size_t{1} << bits> marks_{};
};

}  // namespace perdure
