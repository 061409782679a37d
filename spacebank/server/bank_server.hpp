// SPDX-License-Identifier: MIT
//
// The bank as a server: turns messages into calls of the logic and capabilities into places, and
// back. It waits only for the kernel: it never invokes a capability that a client gave (verify,
// identify and free ask the kernel what it is), and its answers never stall.
//
// The server believes a delivery through exactly its distinguished entry (entry payload
// bank_entry_payload, which is never handed out bare) and one wrapper. The payload of that wrapper
// names the bank and the restrictions; only the server holds the wrapper's control.
//
// Destruction goes on while clients are served, by the *sweeper*: a second process of the bank
// that does nothing but call the bank, for ever. Each of its calls is one step of the sweep, and
// stands in line with the calls of the clients; while there is nothing to sweep, its call is kept
// and not answered. A small bank is gone before the call that destroys it returns.
//
// The sweeper takes turns with programs, so that they run meanwhile; but for a bank that its owner
// made with the right to destroy the bank above it, it hurries: its schedule has its ceiling then,
// above every program that a person starts, so that no program keeps itself from being destroyed. A
// bank made by a capability that may not destroy, as a program has of its own bank, and every bank
// below such a bank, is *patient*: no other process waits for what a program does in its own bank.
//
// The books are ordinary persistent memory: after a power cut the server goes on in the middle
// of its work, and needs no code for that.
#pragma once

#include <cstdint>
#include <optional>

#include "spacebank/bank_logic.hpp"
#include "spacebank/bank_sweep.hpp"
#include "spacebank/interface.hpp"
#include "spacebank/server/range.hpp"

namespace perdure::bank {

// The entry payload of the sweeper. Held by that process alone.
inline constexpr uint64_t sweeper_entry_payload = 0x70656577'73;
// The sweeper's only capability: that entry.
inline constexpr CapabilityRegister sweeper_entry_register{8};

// A request that is believed.
struct BankRequest {
  Bank bank = Bank::none;
  uint64_t restrictions = 0;
  uint64_t words[message_word_count] = {};
  bool is_call = false;
};

class BankServer {
 public:
  explicit BankServer(Arena);
  BankServer(const BankServer&) = delete;
  BankServer& operator=(const BankServer&) = delete;

  // Once in its life: buys from the root bank what the server needs for itself, and starts the
  // sweeper at an instruction and a stack in the server's own memory.
  Answer<> begin(uint64_t sweeper_instruction, uint64_t sweeper_stack);

  // Where the next message is to deliver capabilities: to be set before each wait.
  static void prepare_to_receive(Message&);
  // Answers one delivery in place. → the register of the capability to reply to.
  CapabilityRegister serve(Message&);

 private:
  using Handler = std::optional<Result> (BankServer::*)(const BankRequest&, Message& answer);
  struct MethodRow {
    uint64_t code;
    uint64_t forbidden_by;  // bank_restriction
    Handler handler;
  };
  static const MethodRow methods[];

  // Nothing: the answer comes later.
  std::optional<Result> answer_request(Message&);
  std::optional<Result> dispatch(const BankRequest&, Message& answer);
  std::optional<Result> serve_sweeper(bool is_call);

  std::optional<Result> type(const BankRequest&, Message& answer);
  std::optional<Result> describe(const BankRequest&, Message& answer);
  std::optional<Result> allocate(const BankRequest&, Message& answer);
  std::optional<Result> free(const BankRequest&, Message& answer);
  std::optional<Result> create_sub_bank(const BankRequest&, Message& answer);
  std::optional<Result> set_limit(const BankRequest&, Message& answer);
  std::optional<Result> status(const BankRequest&, Message& answer);
  std::optional<Result> usage(const BankRequest&, Message& answer);
  std::optional<Result> recap(const BankRequest&, Message& answer);
  std::optional<Result> destroy(const BankRequest&, Message& answer);
  std::optional<Result> destroy_and_answer(const BankRequest&, Message& answer);
  std::optional<Result> dissolve(const BankRequest&, Message& answer);
  std::optional<Result> verify(const BankRequest&, Message& answer);
  std::optional<Result> identify(const BankRequest&, Message& answer);
  std::optional<Result> reduce(const BankRequest&, Message& answer);
  std::optional<Result> list(const BankRequest&, Message& answer);

  Answer<> buy_for_itself(Kind, CapabilityRegister into);
  // Puts the client capability of a facet into the register that answers send. The wrapper's
  // control is in the register for it if the facet is fresh.
  Result pass_facet(Bank, const Facet&, Message& answer);
  // The object that the client gave, if this is the strongest capability to it or `any` will do.
  struct GivenObject {
    Place place;
    Kind kind;
  };
  Expected<GivenObject, Result> given_object(bool any) const;
  // The first steps of what has begun. → is the bank gone?
  bool ends_at_once(Bank);
  std::optional<Result> end_and_answer_caller(const BankRequest&);
  Result keep_asker(Bank, CapabilityRegister);
  bool is_patient(Bank) const;
  void set_sweeper_priority(bool hurries);
  void wake_sweeper(Bank ending);
  // → was a step of the sweep there to do, and was it done?
  bool sweep_one_step();
  bool finish_and_answer(Bank);

  Arena arena_;
  ServerRange range_;
  BankLogic logic_;
  BankSweep sweep_;
  bool sweeper_is_kept_ = false;  // its call waits to be answered
  uint64_t sweeper_priority_ = 0; // while it does not hurry
};

}  // namespace perdure::bank
