// SPDX-License-Identifier: MIT
//
// What the bank's logic asks of the kernel's range operations, as a seam: the server implements
// it with its range capability, the image builder with the frames of the image, tests with a
// model of frames. An operation either refuses and has changed nothing, or is done.
#pragma once

#include <cstdint>

#include "objects/abi.hpp"
#include "objects/expected.hpp"
#include "objects/ids.hpp"
#include "objects/kinds.hpp"

namespace perdure::bank {

class FrameMaker {
 public:
  // range.make: the object at `index` begins as zero, under a version that no capability has.
  // What was in the frame before is rescinded, if it was of another kind or account. unreadable: the disk cannot
  // say what that was; or, of the same kind and account, does not give the row.
  virtual Result make(FrameNumber, Kind, Account, unsigned index) = 0;

  // range.rescind: `count` frames from `first` on are empty, every capability to anything in
  // them is void, also if their contents are damaged. → how many are done, from the first on: at least one.
  // unreadable: the disk cannot say what the first one is, so its versions may come again; any other refusal means
  // that books and kernel disagree.
  virtual Expected<uint64_t, Result> rescind(FrameNumber first, uint64_t count) = 0;

  // range.rescind_object: one place of a row. Never refuses an object that is there, likewise.
  virtual Result rescind_object(FrameNumber, unsigned index) = 0;

  // range.set_account: another bank pays for these frames, in which nothing else changes. → how
  // many are done, from the first on: at least one. Refused only if the first one cannot be read.
  virtual Expected<uint64_t, Result> set_account(FrameNumber first, uint64_t count, Account) = 0;

 protected:
  ~FrameMaker() = default;
};

}  // namespace perdure::bank
