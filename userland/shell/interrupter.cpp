// SPDX-License-Identifier: MIT
#include "userland/shell/interrupter.hpp"

#include "userland/shell/helper_process.hpp"

namespace perdure {

namespace {

// While the shell itself works, a ^C waits in the input until the shell reads it.
constexpr uint64_t look_again_ns = 20'000'000;
constexpr uint64_t let_it_finish_ns = 1'000'000;

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

std::optional<Result> Interrupter::call(CapabilityRegister target, Message& message, uint32_t account) {
  end_ = End::answered;
  called_account_ = account;
  is_in_call_ = true;
  const Result result = perdure::call(target, message);
  is_in_call_ = false;
  while (at_work_ != 0) sleep(parts_.clock, let_it_finish_ns);
  called_account_ = 0;
  // A server may answer `interrupted`, too.
  return end_ == End::answered ? std::optional(result) : std::nullopt;
}

bool Interrupter::end_call(End why) {
  ++at_work_;
  const bool is_ended = is_in_call_ && parts_.caller.interrupt().value_or(false);
  if (is_ended) end_ = why;
  if (is_ended && why == End::left) (void)parts_.console.take_interrupt();
  --at_work_;
  return is_ended;
}

bool Interrupter::end_call() { return end_call(End::left); }

// The account does not change under it: the shell is less important, and waits.
bool Interrupter::end_call_of(uint32_t account) { return called_account_ == account && end_call(End::program_stopped); }

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
