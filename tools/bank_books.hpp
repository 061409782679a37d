// SPDX-License-Identifier: MIT
//
// The bank's books inside an image, and their comparison with the frames.
//
// They are found by authority, not by name: the bank server is the process that holds, in the
// register where the bank's interface wants it, the range over the whole store, and that has an
// arena in which the books begin. No other process may have that range, for it can make and
// destroy everything.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "spacebank/arena.hpp"
#include "tools/findings.hpp"
#include "tools/frame_reader.hpp"

namespace perdure {

// The page of a space at a page number from its start; void if there is none, or if it stands
// behind anything but nodes.
Capability page_in_space(const FrameReader&, const Capability& space, uint64_t page);

class BankBooks {
 public:
  // Nothing if the image has no bank server. A server with broken books: a finding.
  static std::optional<BankBooks> find(const FrameReader&, Findings&);

  FrameNumber server() const { return server_; }
  uint32_t bank_count() const { return arena().header().bank_count; }
  bank::Arena arena() const;

  // The server waits for a request, or has not yet begun: its books are complete. Else the cut
  // has found it in the middle of one, and books and frames may differ by that.
  bool is_complete() const { return is_complete_; }

 private:
  BankBooks() = default;
  FrameNumber server_;
  bool is_complete_ = false;
  std::vector<uint64_t> memory_;  // words, for the alignment
};

// The books are sound, say of each frame what it is, and name only accounts that exist.
void check_books(const FrameReader&, const BankBooks&, Findings&);

}  // namespace perdure
