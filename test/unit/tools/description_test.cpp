// SPDX-License-Identifier: MIT
//
// Tries to get a wrong description past the parser: each error in turn must be told with its own
// line and words, and nothing that is right may be refused.
#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "objects/capability.hpp"
#include "spacebank/interface.hpp"
#include "tools/description.hpp"
#include "tools/quantity.hpp"
#include "tools/tool_error.hpp"

using namespace perdure;
using What = CapabilityDescription::What;

namespace {

const std::string idle =
    "program idle\n"
    "bank root\n"
    "schedule ordinary\n"
    "  priority 4\n"
    "process idle\n"
    "  program idle\n"
    "  schedule ordinary\n";

std::string refusal(const std::string& text) {
  try {
    parse_description("d", text);
  } catch (const ToolError& error) {
    CHECK(error.status() == ExitStatus::usage);
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("the smallest description") {
  const ImageDescription image = parse_description("d", idle);
  REQUIRE(image.processes.size() == 1);
  CHECK(image.processes[0].program.name == "idle");
  CHECK(image.processes[0].state == InitialState::running);
  CHECK(image.processes[0].stack_frames == 4);
  CHECK(image.programs[0].file == "idle.elf");
  CHECK(image.schedules[0].priority == 4);
  CHECK(image.interval_ns == 5'000'000'000);
}

TEST_CASE("every statement is understood") {
  const ImageDescription image = parse_description("d",
      "# a comment\n"
      "interval 250ms\n"
      "\n"
      "program p file.bin   # another\n"
      "bank root\n"
      "bank sub\n"
      "\tparent root\n"
      "\tlimit 4K\n"
      "schedule s\n"
      "  slice 2ms\n"
      "endpoint e\n"
      "  receiver a\n  id 0x10\n  bank sub\n"
      "notice n\n"
      "  receiver a\n  bits 3\n"
      "wrapper w\n"
      "  target entry e payload 7\n  payload 9\n  hand_over\n"
      "process a\n"
      "  program p\n  bank sub\n  schedule s\n  state stopped\n  argument 5\n  stack 2\n"
      "  arena books e\n  keeper entry e\n  space_keeper wrapped w\n  pocket space a read_only weak\n"
      "  brand number 77\n  register 1 range all\n  register 31 recipes read_only\n"
      "  register 5 bank sub may_not_destroy may_not_free\n"
      "  register 4 void\n"
      "recipe r\n"
      "  program p\n  schedule s\n  stack 3\n  frames 40\r\n");
  CHECK(image.interval_ns == 250'000'000);
  CHECK(image.programs[0].file == "file.bin");
  CHECK(image.banks[1].parent.name == "root");
  CHECK(image.banks[1].limit == 4096);
  CHECK(image.schedules[0].slice_ns == 2'000'000);
  CHECK(image.endpoints[0].id == 16);
  CHECK(image.notices[0].bits == 3);
  CHECK(image.wrappers[0].target.number == 7);
  CHECK(image.wrappers[0].hand_over);
  const ProcessDescription& process = image.processes[0];
  CHECK(process.state == InitialState::stopped);
  CHECK(process.has_books);
  CHECK(process.space_keeper.what == What::wrapped);
  CHECK(process.pocket.restrictions == (restriction::read_only | restriction::weak));
  CHECK(process.brand.number == 77);
  CHECK(process.registers.at(1).what == What::range_all);
  CHECK(process.registers.at(31).restrictions == restriction::read_only);
  CHECK(process.registers.at(5).number ==
        (bank_restriction::may_not_destroy | bank_restriction::may_not_free));
  CHECK(image.recipes[0].least_frames == 40);
  CHECK(image.recipes[0].schedule.name == "s");
}

TEST_CASE("errors name their line") {
  CHECK(refusal("bank root\nfoo bar\n") == "d:2: unknown section 'foo'");
  CHECK(refusal("  priority 4\n") == "d:1: an indented line that belongs to no section");
  CHECK(refusal("interval 5s\n  x\n") == "d:2: an indented line that belongs to no section");
  CHECK(refusal("bank\n") == "d:1: name is missing");
  CHECK(refusal("bank a/b\n") == "d:1: 'a/b' is not a name (letters, digits, _ - .)");
  CHECK(refusal("bank a\nbank a\n") == "d:2: 'a' is already the name of line 1");
  CHECK(refusal("bank a b\n") == "d:1: unexpected 'b' at the end of the line");
  CHECK(refusal("bank a\n  limit x\n") == "d:2: 'x' is not a number (limit)");
  CHECK(refusal("bank a\n  limit 1\n  limit 2\n") == "d:3: 'limit' is said twice in this section");
  CHECK(refusal("schedule s\n  priority 16\n") == "d:2: priority is 16, but at most 15");
  CHECK(refusal("schedule s\n  slice 5\n") == "d:2: '5' is not a duration, like 10ms or 5s");
  CHECK(refusal("schedule s\n  colour 5\n") == "d:2: unknown statement 'colour' in this section");
  CHECK(refusal("interval 5 s\n") == "d:1: '5' is not a duration, like 10ms or 5s");
}

TEST_CASE("errors of processes and capabilities") {
  CHECK(refusal(idle + "  state asleep\n") == "d:8: state must be running or stopped");
  CHECK(refusal(idle + "  stack 0\n") == "d:8: a stack has at least one frame");
  CHECK(refusal(idle + "  register 0 void\n") == "d:8: register 0 is always void");
  CHECK(refusal(idle + "  register 32 void\n") == "d:8: register number is 32, but at most 31");
  CHECK(refusal(idle + "  register 1 void\n  register 1 void\n") == "d:9: register 1 is given twice");
  CHECK(refusal(idle + "  register 1\n") == "d:8: capability is missing");
  CHECK(refusal(idle + "  register 1 magic\n") == "d:8: unknown capability 'magic'");
  CHECK(refusal(idle + "  register 1 range some\n") == "d:8: only 'range all' exists");
  CHECK(refusal(idle + "  register 1 number 1 weak\n") == "d:8: unexpected 'weak' at the end of the line");
  CHECK(refusal(idle + "  register 1 endpoint e\n") == "d:8: there is no endpoint 'e'");
  CHECK(refusal(idle + "  register 1 wrapped e\n") == "d:8: there is no wrapper 'e'");
  CHECK(refusal(idle + "  register 1 space e\n") == "d:8: there is no process 'e'");
  CHECK(refusal(idle + "  keeper entry e\n") == "d:8: there is no endpoint 'e'");
  CHECK(refusal(idle + "  bank b\n") == "d:8: there is no bank 'b'");
  CHECK(refusal(idle + "process p\n  schedule ordinary\n") == "d:8: 'p' has no program");
  CHECK(refusal(idle + "process p\n  program idle\n") == "d:8: 'p' is started, so it needs a schedule");
  CHECK(refusal(idle + "process p\n  program idle\n  state stopped\n") == "accepted");
  CHECK(refusal(idle + "  arena books e\nprocess p\n  program idle\n  schedule ordinary\n"
                       "  arena books e\nendpoint e\n") == "d:9: 'idle' has the books already");
  CHECK(refusal(idle + "  arena books e\n") == "d:8: there is no endpoint 'e'");
  CHECK(refusal(idle + "  arena books\n") == "d:8: endpoint of the banks is missing");
  CHECK(refusal(idle + "  register 1 bank root\n") == "d:8: a bank needs a process with 'arena books'");
  CHECK(refusal(idle + "wrapper w\n  target wrapped w\n") == "d:9: 'w' cannot be its own target");
}

TEST_CASE("the banks are one tree") {
  CHECK(refusal("program p\n") == "d:1: there is no bank; exactly one without a parent is needed");
  CHECK(refusal("bank a\nbank b\n") == "d:2: 'a' is the root bank already; 'b' needs a parent");
  CHECK(refusal("bank a\nbank b\n  parent c\n") == "d:3: there is no bank 'c'");
  CHECK(refusal("bank r\nbank a\n  parent b\nbank b\n  parent a\n") ==
        "d:2: 'a' is its own ancestor, or more than 32 banks deep");
}

TEST_CASE("input that is no text at all") {
  std::string garbage;
  for (int i = 0; i < 4096; ++i) garbage += static_cast<char>(i * 37 % 251);
  CHECK(refusal(garbage).starts_with("d:"));
  CHECK(refusal(std::string(100'000, 'a')).starts_with("d:1: unknown section"));
  for (const char c : refusal("bank \x1b[31m\n")) CHECK((c >= ' ' && c <= '~'));
}

TEST_CASE("numbers and durations") {
  CHECK(parse_quantity("0") == 0);
  CHECK(parse_quantity("0x1F") == 31);
  CHECK(parse_quantity("18446744073709551615") == ~uint64_t{0});
  CHECK(parse_quantity("64M") == uint64_t{64} << 20);
  for (const char* wrong : {"", "x", "-1", "+1", "1 ", " 1", "1T", "1KK", "0x", "18446744073709551616",
                            "18014398509481984K", "1.5"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_quantity(wrong));
  }
  CHECK(parse_duration_ns("3us") == 3000);
  CHECK(parse_duration_ns("0ms") == 0);
  for (const char* wrong : {"", "5", "5m", "s", "-1s", "99999999999999999s"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_duration_ns(wrong));
  }
  CHECK(describe_bytes(uint64_t{3} << 30) == "3 GiB");
  CHECK(describe_bytes(uint64_t{1536} << 20) == "1536 MiB");
  CHECK(describe_bytes(100) == "100 bytes");
}

TEST_CASE("a schedule's ceiling is its priority, or what is said") {
  const ImageDescription image = parse_description("d", idle + "schedule a\n  priority 3\n  ceiling 9\nschedule b\n  ceiling 2\n");
  CHECK(!image.schedules[0].ceiling);
  CHECK(image.schedules[1].ceiling == 9);
  CHECK(image.schedules[2].priority == 0);
  CHECK(refusal(idle + "schedule a\n  priority 3\n  ceiling 2\n") == "d:8: 'a' has a priority above its ceiling");
  CHECK(refusal(idle + "schedule a\n  ceiling 16\n").starts_with("d:9: "));
}

// Decision 0023: what a person needs to end a program goes before all programs.
TEST_CASE("in the delivered image no program reaches what ends programs") {
  std::ifstream file(DELIVERED_DESCRIPTION);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const ImageDescription image = parse_description("image.description", text);
  const auto schedule = [&](const std::string& name) { return *find_named(image.schedules, name); };
  const auto process = [&](const std::string& name) -> const ProcessDescription& { return *find_named(image.processes, name); };
  const auto priority_of = [&](const std::string& name) { return schedule(process(name).schedule.name).priority; };
  const auto held_by = [&](const std::string& name, unsigned number) {
    for (const auto& [at, capability] : process(name).registers) {
      if (at == number) return schedule(capability.name);
    }
    FAIL("no schedule in that register");
    return schedule("sold");
  };
  const auto ceiling_of = [](const ScheduleDescription& it) { return it.ceiling.value_or(it.priority); };
  constexpr unsigned shells_for_programs = 11, shells_for_the_interrupter = 31;
  const uint8_t programs = held_by("shell", shells_for_programs).priority;
  // Neither what it derives nor what it is lent by the shell gets a program above the others.
  CHECK(ceiling_of(held_by("shell", shells_for_programs)) == programs);
  CHECK(ceiling_of(held_by("bank", bank_register::sold_schedule)) == programs);
  for (const char* name : {"bank", "keeper", "log", "shell"}) {
    CAPTURE(name);
    CHECK(priority_of(name) > programs);
  }
  CHECK(ceiling_of(held_by("bank", bank_register::sweeper_schedule)) > programs);
  CHECK(held_by("bank", bank_register::sweeper_schedule).priority == programs);
  CHECK(held_by("shell", shells_for_the_interrupter).priority > priority_of("shell"));
  CHECK(priority_of("bank") > held_by("shell", shells_for_the_interrupter).priority);
  for (const auto& recipe : image.recipes) {
    if (!recipe.schedule.is_given()) continue;
    CAPTURE(recipe.name);
    CHECK(ceiling_of(schedule(recipe.schedule.name)) < priority_of("shell"));
  }
}
