// SPDX-License-Identifier: MIT
//
// The honest client. It uses the target and the bank while the attack goes on, and has to get every
// answer, and the right one: until the attack has ended, or, if that goes on, for a certain number of
// rounds before a power cut and behind it. Then it looks at what the attacker says, destroys the attacker's bank under it, is served once more, and powers
// the machine off. Lines for the host:
//
//   hostile NAME: to be cut         (an attack that goes on: waits for it)
//   hostile NAME: ok
//   hostile NAME: failed: REASON
#include "test/hostile/attacks.hpp"
#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/format.hpp"
#include "userland/runtime/program.hpp"
#include "userland/runtime/system_objects.hpp"

namespace perdure {
namespace {

using hostile::Attack;
using hostile::Target;

constexpr BankCapability bank{{3}};
constexpr CheckpointCapability checkpoint{{6}};
constexpr DevicesCapability devices{{7}};
constexpr ConsoleCapability console{{8}};
constexpr Client<Target> target{{9}};
constexpr ProcessCapability attacker{{10}};
constexpr BankCapability attackers_bank{{11}};
constexpr BankCapability root{{12}};
constexpr CapabilityRegister scratch{13};

constexpr unsigned rounds_max = 2'000'000;  // an attack that never ends is told so
constexpr unsigned rounds_afterwards = 10;

const Attack* attack = nullptr;

void tell(std::string_view what) {
  TextBuffer<160> line;
  line << "hostile " << attack->name << ": " << what << "\n";
  (void)devices.console(console.at);  // that of this boot
  (void)console.write(line.text());
}

[[noreturn]] void end(std::string_view reason, uint64_t number = 0) {
  TextBuffer<120> verdict;
  if (reason.empty()) verdict << "ok";
  else verdict << "failed: " << reason << " " << number;
  tell(verdict.text());
  (void)checkpoint.power_off(0, 0);
  wait_for_ever();
}

// One round of an honest client: the answers are exactly those that they would be alone.
void be_served(uint64_t& sum) {
  const auto value = target.call<Target::add>(uint64_t{3});
  sum += 3;
  if (!value || *value != sum) end("the target answers", value ? *value : static_cast<uint64_t>(value.error()));
  if (target.call<Target::whose>() != hostile::judges_object) end("the target takes us for another");
  if (const auto page = bank.allocate(Kind::page, scratch); !page) {
    end("the bank refuses a page", static_cast<uint64_t>(page.error()));
  }
  if (!bank.free(scratch)) end("the bank does not take it back");
}

void be_served(uint64_t& sum, unsigned rounds) {
  for (unsigned round = 0; round < rounds; ++round) be_served(sum);
}

bool has_ended() {
  const auto status = attacker.status();
  return status && status->state == ProcessState::stopped;
}

void judge_ending() {
  const auto registers = attacker.get_registers();
  if (!registers) end("the attacker cannot be looked at");
  if (registers->rax != hostile::verdict_magic) {
    const auto status = attacker.status();
    end("the attacker fell over, at", status ? status->instruction_pointer : 0);
  }
  if (registers->rdi != 0) end("not as promised, line", registers->rdi);
}

void outlast_attack(uint64_t& sum) {
  for (unsigned round = 0; !has_ended(); ++round) {
    be_served(sum);
    if (round == rounds_max) end("the attack does not end");
  }
  judge_ending();
}

// It must not end by itself. The line is told again if the cut has made it unsaid.
void outlive_attack(uint64_t& sum) {
  be_served(sum, attack->rounds);
  tell("to be cut");
  while (!is_refused(console.take_interrupt(), Result::restarted)) be_served(sum);
  be_served(sum, attack->rounds);
  if (has_ended()) judge_ending(), end("the attack has ended early");
}

// The attacker's bank goes, with all its processes in the middle of what they do.
void destroy_attacker() {
  if (const auto done = attackers_bank.destroy(); !done) end("its bank is not destroyed", static_cast<uint64_t>(done.error()));
  if (!is_refused(attacker.type(), Result::void_capability)) end("the attacker lives");
  const auto step = root.list(bank_root_account);
  if (!step || root.list(step->account)) end("another bank than ours is left");
}

}  // namespace

void program(uint64_t argument) {
  attack = &hostile::attacks[argument];
  uint64_t sum = 0;
  if (attack->ends()) outlast_attack(sum);
  else outlive_attack(sum);
  be_served(sum, rounds_afterwards);
  destroy_attacker();
  be_served(sum, rounds_afterwards);
  end("");
}

}  // namespace perdure
