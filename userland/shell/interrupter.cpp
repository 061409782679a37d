// SPDX-License-Identifier: MIT
#include "userland/shell/interrupter.hpp"

#include "userland/shell/helper_process.hpp"

namespace perdure {

namespace {

// While the shell itself works, a ^C waits in the input until the shell reads it.
constexpr uint64_t look_again_ns = 20'000'000;
constexpr uint64_t let_it_finish_ns = 1'000'000;

bool is_stopped(const Interrupter::Callee& callee) {
  if (callee.start == 0) return false;
  const auto status = callee.process.status();
  return status && status->state == ProcessState::stopped;
}

void sleep(ClockCapability clock, uint64_t length_ns) {
  if (const auto now = clock.now()) (void)clock.wait_until(now->machine_ns + length_ns, now->boot_epoch);
}

}  // namespace

Answer<> Interrupter::begin(const Parts& parts) {
  parts_ = parts;
  const Answer<> done = start_helper({.bank = parts.bank,
                                      .space = parts.space,
                                      .schedule = parts.schedule,
                                      .process_into = ProcessCapability{parts.scratch[0]},
                                      .activity_into = parts.scratch[1]},
                                     &Interrupter::run, this, stack_,
                                     {parts.devices.at, parts.caller.at, parts.clock.at, parts.checkpoint.at});
  is_there_ = done.has_value();
  return done;
}

class Interrupter::Look {
 public:
  explicit Look(Interrupter& owner) : owner_(owner) { ++owner_.at_work_; }
  ~Look() { --owner_.at_work_; }
  Look(const Look&) = delete;
  Look& operator=(const Look&) = delete;

  bool sees_call() const { return owner_.is_in_call_; }
  bool sees_call_of(uint64_t start) const { return sees_call() && owner_.called_start_ == start; }

 private:
  Interrupter& owner_;
};

std::optional<Result> Interrupter::call(CapabilityRegister target, Message& message, const Callee& callee) {
  end_ = End::answered;
  called_start_ = callee.start;
  is_in_call_ = true;
  const bool is_callee_stopped = is_stopped(callee);
  const Result result = is_callee_stopped ? Result::ok : perdure::call(target, message);
  is_in_call_ = false;
  while (at_work_ != 0) sleep(parts_.clock, let_it_finish_ns);
  called_start_ = 0;
  if (result != Result::interrupted) end_ = End::answered;
  if (is_callee_stopped) end_ = End::stopped_before;
  // A server may answer `interrupted`, too.
  return end_ == End::answered ? std::optional(result) : std::nullopt;
}

bool Interrupter::try_to_end(End why) {
  const bool is_ended = parts_.caller.interrupt().value_or(false);
  if (is_ended) end_ = why;
  return is_ended;
}

bool Interrupter::end_call() {
  const Look look(*this);
  const bool is_ended = look.sees_call() && try_to_end(End::left);
  if (is_ended) (void)parts_.console.take_interrupt();
  return is_ended;
}

bool Interrupter::end_call_of(uint64_t start) {
  for (;; sleep(parts_.clock, look_again_ns)) {
    const Look look(*this);
    if (!look.sees_call_of(start)) return false;
    if (try_to_end(End::stopped_meanwhile)) return true;
  }
}

void Interrupter::run(void* self) {
  while (true) static_cast<Interrupter*>(self)->serve();
}

void Interrupter::serve() {
  if (!parts_.console.wait_interrupt()) {
    parts_.announce(parts_.context);  // the capability is of an earlier boot, or not there yet
  } else if (!end_call()) {
    sleep(parts_.clock, look_again_ns);
  }
}

}  // namespace perdure
