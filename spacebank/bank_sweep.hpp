// SPDX-License-Identifier: MIT
//
// Destroying and dissolving banks, in bounded steps, so that other requests are served in between.
// One bank ends at a time, with all banks below it if it is destroyed; further banks that are to end
// wait in line.
//
//   begin ──▶ facets ──▶ processes ──▶ rest ──▶ empty ──finish──▶ gone
//             every      every         every    nothing is left but the record and the
//             bank's     process       frame,   facets frame, which may keep the asker
//             facets                   banks
//                                      bottom up
//
//   begin_dissolving ──▶ banks ──▶ contents ──▶ empty ──finish──▶ gone
//   its own facets       each      its frames
//   are void             stands    are the
//                        beside it parent's
//
// From begin() on nothing below the bank is sold, bought back or created (BankTree::is_ending),
// so the tree below it stands still and the sweep's place in it stays valid. Two rules ensure that:
// a request to end a bank inside a dying bank is refused, and a bank outside it that is to end
// comes after it in line.
//
// Why this order: first no client can call the bank any more; then no process can run any more on
// objects that are being destroyed; then the frames, in runs; the answer last, when all is as promised.
//
// Dissolving is not O(1) because the account of every frame changes, in the books and in its tag:
// an alias that stands for the dissolved bank would need a record for as long as one frame of it
// lives, and there is one record for two frames. So dissolving costs what destroying costs, and each
// step leaves the totals of every bank right: the frames count above already, whichever bank holds
// them. The banks below live, sell and buy throughout. If the bank above is to be destroyed meanwhile,
// it stands later in line, and its sweep finds the frames that were passed to it.
#pragma once

#include <cstdint>

#include "objects/expected.hpp"
#include "spacebank/bank_tree.hpp"
#include "spacebank/frame_books.hpp"
#include "spacebank/frame_maker.hpp"

namespace perdure::bank {

inline constexpr uint32_t sweep_run_max = 64;  // frames rescinded in one step

struct SweepResult {
  enum class State : uint8_t {
    idle,   // no bank is being destroyed
    more,   // a step is done, there are others
    empty,  // `bank` is empty: take its asker, finish(), then answer
  };
  State state = State::idle;
  Bank bank = Bank::none;
};

class BankSweep {
 public:
  BankSweep(Arena arena, FrameMaker& maker)
      : arena_(arena), books_(arena), tree_(arena), maker_(maker) {}

  // in_use: the root bank. dying: it is being destroyed or dissolved already, or a bank above it
  // destroyed.
  Expected<void, Result> begin(Bank);
  // Likewise; or the kernel's refusal to void its facets, with nothing changed.
  Expected<void, Result> begin_dissolving(Bank);

  // Makes a capability page out of the dying bank's facets frame. It keeps the resume capability of
  // the caller until the end. The bank's own facets are void from then on, as they would be anyway.
  Expected<FrameNumber, Result> keep_asker(Bank);
  bool has_asker(Bank bank) const { return arena_.at(bank).flags & BankRecord::flag_has_asker; }
  FrameNumber asker_page(Bank bank) const { return frame_number(arena_.at(bank).facets); }

  // One step of the first bank in line. An error is the kernel's refusal (see FrameMaker::rescind).
  Expected<SweepResult, Result> step();
  // Only for the bank of which step() said `empty`. The bank above it has then what it had
  // before this one was created.
  Expected<void, Result> finish(Bank);

 private:
  Expected<void, Result> check_can_end(Bank) const;
  void stand_in_line(Bank, uint8_t flag);
  void start_first_in_line();
  Expected<void, Result> void_facets(Bank);
  Expected<void, Result> step_facets();
  Expected<void, Result> step_processes();
  Expected<void, Result> step_rest();
  Expected<void, Result> step_banks();
  Expected<void, Result> step_contents();
  struct Run {
    uint32_t first;
    uint32_t count;
  };
  Run run_around(Bank, Frame within, bool only_its_kind) const;
  Expected<void, Result> rescind_run(Bank, Run);
  Expected<void, Result> close(Bank);
  Frame first_frame(Bank) const;
  void release(Bank, Run);
  void pass_to_parent(Bank, Run);

  Arena arena_;
  FrameBooks books_;
  BankTree tree_;
  FrameMaker& maker_;
};

}  // namespace perdure::bank
