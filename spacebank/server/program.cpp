// SPDX-License-Identifier: MIT
//
// The bank server's program: where it finds its books, its loop, and the sweeper's loop.
// spacebank/interface.hpp says what the image description must set up for it.
#include "spacebank/server/bank_server.hpp"
#include "userland/runtime/program.hpp"

namespace perdure {
namespace {

// The sweeper: one step of a destruction for each call, as long as there is one to do.
[[noreturn]] void sweeper_program() {
  while (true) {
    Message message;
    (void)call(bank::sweeper_entry_register, message);
  }
}

constexpr size_t sweeper_stack_words = 512;

// At a function's first instruction the stack pointer is a word below a multiple of 16.
uint64_t initial_stack_pointer(const uint64_t (&stack)[sweeper_stack_words]) {
  return reinterpret_cast<uint64_t>(stack + sweeper_stack_words) - 24;
}

}  // namespace

void program(uint64_t) {
  const auto frames = RangeCapability{{{bank_register::range}}}.size();
  if (!frames) __builtin_trap();
  auto* books = reinterpret_cast<std::byte*>(bank_arena_address);
  const auto arena = bank::Arena::open({books, bank::arena_bytes(*frames)});
  if (!arena) __builtin_trap();

  // Both live as long as the program, on its stack: nothing of the bank is filled in on demand.
  alignas(16) uint64_t sweeper_stack[sweeper_stack_words] = {};
  bank::BankServer server(*arena);
  const auto instruction = reinterpret_cast<uint64_t>(&sweeper_program);
  if (!server.begin(instruction, initial_stack_pointer(sweeper_stack))) __builtin_trap();

  Message message;
  CapabilityRegister answer_to = registers::nothing;
  while (true) {
    bank::BankServer::prepare_to_receive(message);
    reply_and_wait(answer_to, message);
    answer_to = server.serve(message);
  }
}

}  // namespace perdure
