// SPDX-License-Identifier: MIT
//
// What a row plays on: the capabilities it may use, what it says, and how it fails.
//
// A row is a list of steps. Each returns whether it succeeded; if it did not, the reason has been
// told. What lasts from step to step stands in the row's own static memory: an instance of the
// program plays one row, once.
#pragma once

#include "userland/interfaces/demo.hpp"
#include "userland/runtime/format.hpp"
#include "userland/runtime/layout.hpp"

namespace perdure {

// The program's registers beyond demo_register: its bank (reduced: it may not end itself), its own
// space, and those that a row uses as it likes; in the last four the server's loop receives, so
// that what is put there lasts for one step only.
inline constexpr BankCapability own_bank{registers::bank};
inline constexpr NodeCapability own_space{CapabilityRegister{13}};
inline constexpr unsigned work_register_count = 18;
inline constexpr unsigned lasting_register_count = 14;
constexpr CapabilityRegister work_register(unsigned i) { return {static_cast<uint8_t>(14 + i)}; }

class Stage {
 public:
  // A line of what was done. Both answer true, so that a step can end with it.
  template <typename... Pieces>
  bool say(const Pieces&... pieces) {
    if (!text_.text().empty()) text_ << '\n';
    (text_ << ... << pieces);
    return true;
  }
  // The reason.
  template <typename... Pieces>
  bool fail(const Pieces&... pieces) {
    text_.clear();
    (text_ << ... << pieces);
    return false;
  }
  template <typename... Pieces>
  bool require(bool holds, const Pieces&... pieces) {
    return holds || fail(pieces...);
  }
  // `what` could be done.
  template <typename T, typename... Pieces>
  bool done(const Answer<T>& answer, const Pieces&... what) {
    return answer.has_value() || fail(what..., ": ", name_of(answer.error()));
  }
  // What was asked has been refused, with exactly this.
  template <typename... Pieces>
  bool refused(Result got, Result expected, const Pieces&... what) {
    return got == expected ||
           fail(what..., " was answered `", name_of(got), "`, not `", name_of(expected), "`");
  }

  void begin_step() { text_.clear(); }
  std::string_view text() const { return text_.text(); }

  // Frames that a bank uses, with all below it; fails if it cannot tell.
  bool used_by(BankCapability, uint64_t& frames);
  bool require_used(BankCapability, uint64_t frames, std::string_view when);

  // The capability leads to nothing: it cannot be invoked, and the kernel, asked without invoking
  // it, calls it void.
  bool require_void(CapabilityRegister, std::string_view which);
  // The same from a slot of a capability page, through `scratch`.
  bool require_void_at(CapabilityPageCapability, unsigned slot, CapabilityRegister scratch,
                       std::string_view which);

  // A wrapper in front of `target`, paid by the bank: its control, and what is to be given away.
  bool hand_out(BankCapability, CapabilityRegister target, WrapperCapability control,
                CapabilityRegister client);

  // Memory of one page or node at window(place); nothing (registers::nothing): takes it away.
  bool map(CapabilityRegister memory, unsigned place = 0);

 private:
  TextBuffer<1024> text_;
};

// Where map() puts it: slots of the own space that no other code uses (runtime/layout.hpp).
inline constexpr unsigned window_count = layout::window_slot - layout::heap_slot;
constexpr unsigned window_slot(unsigned place) { return layout::window_slot - place; }
inline std::byte* window(unsigned place = 0) {
  return reinterpret_cast<std::byte*>(layout::slot_start(window_slot(place)));
}

// The result of asking a capability what it is: a harmless call that every object answers.
Result ask_type(CapabilityRegister);

using Step = bool (*)(Stage&);
using Steps = std::span<const Step>;

// Good enough to mix an order, and the same again from the same seed.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed | 1) {}
  uint64_t below(uint64_t bound) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ % bound;
  }

 private:
  uint64_t state_;
};

}  // namespace perdure
