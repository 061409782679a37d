// SPDX-License-Identifier: MIT
//
// The demonstrations: which there are, and how the shell leads one. Each is a row of the table of
// what must work; it checks itself. The program `demo` plays one row, step by step: between two
// steps it waits for the next call, so that the program that leads it can show what was done, and a power
// cut can come between.
//
// It is started in a bank of its own, and given these capabilities in its registers by the program that
// starts it (demo_register); with what it buys from its bank that is all it has.
#pragma once

#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/interface.hpp"
#include "userland/runtime/system_objects.hpp"

namespace perdure {

struct DemoRow {
  std::string_view name;
  std::string_view title;
  uint64_t frames = 0;  // limit of its bank: what it needs at most
};

// In the order in which `demo` lists them. userland/demo/rows.cpp has the steps, in the same order.
inline constexpr DemoRow demo_rows[] = {
    {"A2", "one of each kind: bought, used, destroyed", 128},
    {"A6", "a hundred thousand copies, one destroy: every copy void", 1200},
    {"A7", "a hundred servers in banks of their own, destroyed in random order", 2500},
    {"B1", "a hundred thousand entries, each for a wrapper and its bytes", 3600},
    {"B2", "a hostile client cannot choose the payload that a server believes", 256},
    {"B3", "ten thousand facets by entry payload cost no storage", 256},
    {"B4", "one page shows the time to fifty clients; old time is not taken for new", 512},
    {"B5", "a thousand clients share storage and vanish; it dies with its bank", 3500},
    {"B6", "storage outlives the process that bought it", 128},
    {"B7", "a hundred clients: one is revoked, others wait behind blocked wrappers", 512},
    {"B10", "a forwarder moves what it was given, and vanishes", 256},
    {"B11", "revoked and committed stays revoked over a power cut", 128},
    {"D1", "messages of all sizes, and replies that work once", 512},
    {"D2", "long messages wait for nobody but the owner of their memory", 512},
    {"D3", "a buffer altered, lost or destroyed in mid-transfer harms nobody else", 512},
};

struct DemoStep {
  enum class Outcome : uint64_t { goes_on = 0, ok = 1, failed = 2 };
  Outcome outcome = Outcome::goes_on;
  uint64_t text_length = 0;  // of what was done, or of the reason
};

struct DemoText {
  static constexpr size_t length_max = payload_word_count * sizeof(uint64_t);
  char characters[length_max] = {};
};

struct Demo {
  static constexpr std::string_view name = "demo";
  // Which row is to be played → how many steps it has. not_found; in_use: there is one already.
  static constexpr Method<uint64_t(Word)> begin{"begin", {"ROW"}};
  // Does the next step, which may take long.
  static constexpr Method<DemoStep()> step{"step"};
  // A piece of the last step's text.
  static constexpr Method<DemoText(uint64_t)> text{"text", {"OFFSET"}};
  using Methods = MethodList<begin, step, text>;
};

namespace demo_register {
inline constexpr DiscriminatorCapability discriminator{CapabilityRegister{5}};
inline constexpr CapabilityPageCapability recipes{CapabilityRegister{6}};
inline constexpr CapabilityRegister space_keeper{7};
inline constexpr ScheduleCapability schedule{CapabilityRegister{8}};
inline constexpr ClockCapability clock{CapabilityRegister{9}};
inline constexpr CheckpointCapability checkpoint{CapabilityRegister{10}};
inline constexpr ProcessCapability own_process{CapabilityRegister{11}};
inline constexpr BankCapability root_bank{CapabilityRegister{12}};  // to look at
}  // namespace demo_register

}  // namespace perdure
