// SPDX-License-Identifier: MIT
//
// The honest client. It uses the target and the bank while the attack goes on, and has to get every
// answer, and the right one. When the attack has ended, or for a certain number of rounds, it looks
// at what the attacker says, destroys the attacker's bank under it, is served once more, and powers
// the machine off. One line for the host:
//
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

[[noreturn]] void end(std::string_view reason, uint64_t number = 0) {
  TextBuffer<160> line;
  line << "hostile " << attack->name << ": ";
  if (reason.empty()) line << "ok\n";
  else line << "failed: " << reason << " " << number << "\n";
  (void)console.write(line.text());
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

// The attacker's bank goes, with all its processes in the middle of what they do.
void destroy_attacker() {
  if (const auto done = attackers_bank.destroy(); !done) end("its bank is not destroyed", static_cast<uint64_t>(done.error()));
  if (attacker.type().error() != Result::void_capability) end("the attacker lives");
  const auto step = root.list(bank_root_account);
  if (!step || root.list(step->account)) end("another bank than ours is left");
}

}  // namespace

void program(uint64_t argument) {
  attack = &hostile::attacks[argument];
  if (!devices.console(console.at)) wait_for_ever();
  uint64_t sum = 0;
  for (unsigned round = 0; attack->ends() ? !has_ended() : round < attack->rounds; ++round) {
    be_served(sum);
    if (round == rounds_max) end("the attack does not end");
  }
  if (attack->ends()) judge_ending();
  else if (has_ended()) judge_ending(), end("the attack has ended early");
  for (unsigned round = 0; round < rounds_afterwards; ++round) be_served(sum);
  destroy_attacker();
  for (unsigned round = 0; round < rounds_afterwards; ++round) be_served(sum);
  end("");
}

}  // namespace perdure
