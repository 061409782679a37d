// SPDX-License-Identifier: MIT
//
// The shell as a person meets it: lines are typed at a console that the test holds, power is cut
// in between, and what was written is compared with what the commands promise.
#include "test/support/sample_recipe.hpp"
#include "userland/interfaces/counter.hpp"
#include "userland/interfaces/demo.hpp"
#include "userland/runtime/server.hpp"
#include "userland/shell/shell.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <sstream>

namespace perdure {

Heap& program_heap() {
  static std::vector<std::byte> region(1 << 22);
  static Heap heap(region);
  return heap;
}

}  // namespace perdure

using namespace perdure;

namespace {

Answer<uint64_t> add(uint64_t& value, const Call&, uint64_t number) { return value += number; }
Answer<uint64_t> get(uint64_t& value, const Call&) { return value; }

struct World {
  FakeUserlandKernel kernel;
  std::map<const FakeObject*, uint64_t> counters;
  std::unique_ptr<Shell> shell;

  World() {
    auto put = [&](unsigned number, FakeCapability capability) {
      kernel.at({static_cast<uint8_t>(number)}) = capability;
    };
    put(4, kernel.bank_capability(kernel.root_bank()));
    CHECK(BankCapability{CapabilityRegister{4}}.create_sub_bank(1000, {3}));
    FakeCapability recipes = kernel.make(CapabilityType::capability_page);
    recipes.object->slots[0] = make_recipe(kernel, {.name = "counter"});
    recipes.object->slots[1] = make_recipe(kernel, {.name = "idle"});
    put(5, recipes);
    put(6, {.type = CapabilityType::checkpoint});
    put(7, {.type = CapabilityType::devices});
    put(8, {.type = CapabilityType::clock});
    put(9, {.type = CapabilityType::discriminator});
    put(10, {.type = CapabilityType::entry, .object = kernel.make(CapabilityType::endpoint).object});
    put(11, kernel.make(CapabilityType::schedule));
    put(17, kernel.make(CapabilityType::process));
    kernel.answer_entry = [&](const FakeObject& endpoint, Message& message) {
      answer_request<Counter, add, get>(counters[&endpoint], message);
    };
    kernel.status.store_id = 0xabc;
    kernel.status.interval_ms = 3000;
    shell = std::make_unique<Shell>();
  }

  // Types all of it, runs until all is taken → what was written, without carriage returns.
  std::string type(std::initializer_list<std::string_view> pieces) {
    kernel.written.clear();
    for (const std::string_view piece : pieces) kernel.typed.emplace_back(piece);
    CHECK_THROWS_AS(shell->run(), EndOfScript);
    std::string text = kernel.written;
    std::erase(text, '\r');
    return text;
  }
  // One line → what the command wrote: between its echo and the next prompt.
  std::string command(const std::string& line) {
    std::string text = type({line + "\r"});
    const size_t echo = text.find(std::string(prompt) + line + "\n");
    REQUIRE(echo != std::string::npos);
    text.erase(0, echo + prompt.size() + line.size() + 1);
    REQUIRE(text.ends_with(prompt));
    text.erase(text.size() - prompt.size());
    return text;
  }
};

void stop_all_programs(World& world) {
  for (FakeObject* bank : world.kernel.root_bank()->banks[0]->banks) {
    for (FakeObject* object : bank->bought) object->state = ProcessState::stopped;
  }
}

bool has(const std::string& text, std::string_view piece) {
  INFO(text);
  CHECK(text.find(piece) != std::string::npos);
  return true;
}

}  // namespace

TEST_CASE("the tour of the README") {
  World world;
  has(world.command("start counter c1"), "c1 started, with a bank of 256 frames");
  CHECK(world.command("call c1 add 42") == "42\n");
  CHECK(world.command("call c1 get") == "42\n");
  CHECK(world.command("checkpoint") == "checkpoint 2 committed\n");
  const std::string banks = world.command("banks");
  CHECK(banks.starts_with("root "));
  has(banks, " of 100000 frames");
  has(banks, "\n  shell ");
  has(banks, "\n    c1 ");
  has(world.command("servers"), "c1               counter          used ");
}

TEST_CASE("the banner at the first boot") {
  World world;
  const std::string first = world.type({"call c1 g"});
  has(first, "Perdure: store 0000000000000abc, generation 0 of 1970-01-01 00:00:00 UTC\n");
  has(first, "running: shell\n");
  has(first, "checkpoints: every 3000 ms\n");
  CHECK(first.ends_with("perdure> call c1 g"));
}

TEST_CASE("the power is cut in mid-word, and the line is there again") {
  World world;
  world.kernel.status.power_cuts = 1;
  const std::string text = world.type({"call c1 g", FakeUserlandKernel::power_cut, "et\r"});
  has(text, "perdure> call c1 g\nPerdure: store");
  has(text, "power cuts survived: 1");
  has(text, "perdure> call c1 get\nerror: there is no server c1; servers lists them\n");
}

TEST_CASE("names, limits and programs that are wrong") {
  World world;
  CHECK(world.command("start counter 1c").starts_with("error: a name has"));
  CHECK(world.command("start nothing c1") == "error: there is no program nothing; programs lists them\n");
  const std::string few = world.command("start counter c1 3");
  CHECK(few.starts_with("error: counter needs at least "));
  CHECK(few.ends_with("frames; 3 are too few\n"));
  CHECK(world.command("start counter c1 many") == "error: many is not a number of frames\n");
  has(world.command("start counter c1"), "c1 started");
  CHECK(world.command("start idle c1") ==
        "error: c1 is in use; choose another name, or destroy it first\n");
  for (const std::string name : {"root", "shell"}) {
    CHECK(world.command("start counter " + name) == "error: " + name + " is what banks calls a bank of the system; choose another name\n");
    CHECK(world.command("wrap c1 " + name) == "error: " + name + " is what banks calls a bank of the system; choose another name\n");
  }
  CHECK(world.command("start counter c2 100001") == "error: the store has 100000 frames; 100001 are too many\n");
  CHECK(world.command("call c1") == "error: too few words; usage: call NAME METHOD [ARGUMENTS]\n");
  CHECK(world.command("call c1 set 3") ==
        "error: c1 has no method set; it has:\nadd N:number -> number\nget -> number\n");
  CHECK(world.command("call c1 add x") ==
        "error: x is not a number from 0 to 2^64 - 1: call c1 add N\n");
  CHECK(world.command("ps") == "error: there is no ps here; what you want is called servers\n");
  CHECK(world.command("frobnicate") == "error: unknown command frobnicate; help lists the commands\n");
  CHECK(world.command("destroy c1 -x") == "error: unknown option -x; usage: destroy NAME [-y]\n");
  CHECK(world.command("").empty());
  CHECK(world.command("programs").starts_with("counter          needs at least "));
}

TEST_CASE("an option stands where one likes, for all commands alike; but what a server is to get is left as it is") {
  World world;
  for (const std::string line : {"destroy -y c1", "destroy c1 -y", "destroy -y c1 -y"}) {
    world.command("start counter c1");
    has(world.command(line), "c1 destroyed, ");
  }
  world.command("start counter c1");
  for (const std::string line : {"revoke --wait a1", "revoke a1 --wait"}) {
    world.command("wrap c1 a1");
    CHECK(world.command(line).starts_with("revoked, durable from checkpoint "));
  }
  for (const Command& command : commands()) {
    const std::string name(command.name), usage = "; usage: " + name;
    for (const std::string words : {"", " c1", " c1 get", " c1 get x y"}) {
      CHECK(world.command(name + " -z" + words).starts_with("error: unknown option -z" + usage));
      CHECK(world.command(name + " --help" + words).starts_with("usage: " + name));
      if (name == "call" && words.size() > 3) continue;  // they are for the server
      CHECK(world.command(name + words + " -z").starts_with("error: unknown option -z" + usage));
      CHECK(world.command(name + words + " --help").starts_with("usage: " + name));
    }
  }
  CHECK(world.command("destroy -y") == "error: too few words; usage: destroy NAME [-y]\n");
  CHECK(world.command("destroy c1 c2 -y") == "error: too many words; usage: destroy NAME [-y]\n");
  CHECK(world.command("destroy c1 --wait") == "error: unknown option --wait; usage: destroy NAME [-y]\n");
  CHECK(world.command("start idle - 9").starts_with("error: a name has"));
  CHECK(world.command("call c1 add -5") == "error: -5 is not a number from 0 to 2^64 - 1: call c1 add N\n");
  CHECK(world.command("call c1 add --help") == "error: --help is not a number from 0 to 2^64 - 1: call c1 add N\n");
  CHECK(world.command("call c1 get") == "0\n");
}

TEST_CASE("destroy asks, and then nothing is left but a void capability") {
  World world;
  world.command("");  // what names cost is there before the first one
  const uint64_t before = FakeUserlandKernel::used(*world.kernel.root_bank());
  world.command("start counter c1");
  const std::string no = world.type({"destroy c1\rno\r"});
  has(no, "type yes to go on: no\nnothing was destroyed\n");
  const std::string yes = world.type({"destroy c1\ryes\r"});
  has(yes, "c1 destroyed, ");
  CHECK(world.command("call c1 get") == "error: capability is void\n");
  CHECK(world.command("destroy c1") == "error: c1 is destroyed already\n");
  CHECK(world.command("servers") == "none; start PROGRAM NAME makes one\n");
  CHECK(FakeUserlandKernel::used(*world.kernel.root_bank()) == before);
  has(world.command("start counter c1"), "c1 started");
  CHECK(world.command("call c1 get") == "0\n");
  has(world.command("destroy c1 -y"), "c1 destroyed, ");
}

TEST_CASE("^C leaves a destroy that the bank does not answer, and destroy tells what became of it") {
  World world;
  world.command("start counter c1");
  const std::string left = "interrupted: the bank had not answered; c1 may be destroyed all the same, destroy tells\n";
  world.kernel.while_destroying = [&] {
    CHECK(world.shell->interrupter.end_call());
    return Result::interrupted;
  };
  CHECK(world.command("destroy c1 -y") == left);
  has(world.type({"destroy c1\ryes\r"}), left);
  CHECK(world.command("call c1 get") == "0\n");
  bool& is_dying = world.kernel.root_bank()->banks[0]->banks[0]->is_dying = true;
  for (const Result answer : {Result::dying, Result::void_capability}) {
    world.kernel.while_destroying = [&] { return answer; };
    CHECK(world.command("destroy c1 -y") == "error: c1 is being destroyed; destroy tells when it is gone\n");
  }
  is_dying = false;
  world.kernel.while_destroying = nullptr;
  has(world.command("destroy c1 -y"), "c1 destroyed, ");
  CHECK(world.command("destroy c1 -y") == "error: c1 is destroyed already\n");

  world.command("start counter c2");  // its bank ends when the shell waits for it no more
  world.kernel.while_destroying = [&] {
    CHECK(world.shell->interrupter.end_call());
    world.kernel.while_destroying = nullptr;
    CHECK(shell_register::server_bank.destroy());
    return Result::interrupted;
  };
  has(world.command("destroy c2 -y"), "c2 may be destroyed all the same");
  CHECK(world.command("destroy c2 -y") == "c2 destroyed, 0 frames (0 bytes) returned\n");
}

TEST_CASE("a server whose end nobody has waited for does not lend its name to the one that has its account next") {
  World world;
  world.command("start counter c1");
  world.kernel.while_destroying = [&] {
    CHECK(world.shell->interrupter.end_call());
    world.kernel.while_destroying = nullptr;
    CHECK(shell_register::server_bank.destroy());
    return Result::interrupted;
  };
  has(world.command("destroy c1 -y"), "c1 may be destroyed all the same");
  world.command("start counter c2");
  CHECK(world.shell->names.at(*world.shell->names.find("c2")).account == world.shell->names.at(*world.shell->names.find("c1")).account);
  const std::string banks = world.command("banks");
  has(banks, "\n    c2 ");
  CHECK_FALSE(banks.contains("c1"));
  CHECK(world.command("destroy c1 -y") == "error: c1 is destroyed already\n");
  CHECK(world.command("call c2 get") == "0\n");
}

TEST_CASE("an answer that is longer than a row leaves the row no more than a line does") {
  World world;
  world.command("start counter c1");
  const std::string typed(200, 'x');
  for (const std::string& line : {typed, "destroy c1\r" + typed}) {
    size_t column = 0, longest = 0;
    const std::string text = world.type({line});
    for (const char c : text.substr(text.rfind('\n') + 1)) {
      column = c == '\b' ? column - 1 : column + 1;
      longest = std::max(longest, column);
    }
    CHECK(longest == LineEditor::row_length);
    CHECK(world.type({"\x15\r\x15"}).ends_with(prompt));
  }
}

TEST_CASE("a stopped server is told at once, also behind an alias") {
  World world;
  world.command("start counter c1");
  world.command("wrap c1 a1");
  stop_all_programs(world);
  world.command("wrap a1 a2");
  for (const std::string name : {"c1", "a1", "a2"}) {
    const std::string told = "error: " + name + " is stopped; servers shows why, destroy c1 ends it\n";
    CHECK(world.command("call " + name + " get") == told);
    CHECK(world.command("describe " + name) == told);
  }
  has(world.command("destroy c1 -y"), "c1 destroyed");
}

TEST_CASE("aliases: one name space, blocked, revoked, forgotten") {
  World world;
  world.command("start counter c1");
  const uint64_t before = FakeUserlandKernel::used(*world.kernel.root_bank());
  CHECK(world.command("wrap c1 a1") == "a1 stands for c1; revoke a1 takes it back\n");
  CHECK(world.command("wrap a1 a2") == "a2 stands for a1; revoke a2 takes it back\n");
  CHECK(FakeUserlandKernel::used(*world.kernel.root_bank()) == before + 1);
  CHECK(world.command("call a2 add 7") == "7\n");
  CHECK(world.command("call c1 get") == "7\n");
  CHECK(world.command("describe a2") ==
        "a2 is a counter; its methods:\nadd N:number -> number\nget -> number\n");
  has(world.command("servers"), "a2               stands for a1\n");

  CHECK(world.command("block a1") == "a1 blocked; who calls it waits\n");
  has(world.command("servers"), "a1               stands for c1, blocked\n");
  world.kernel.while_blocked = [&] {
    CHECK(world.shell->interrupter.end_call());
    return Result::interrupted;
  };
  CHECK(world.command("call a2 get") == "interrupted: a2 had not answered\n");
  CHECK(world.command("unblock a1") == "a1 unblocked\n");
  CHECK(world.command("call a2 get") == "7\n");

  CHECK(world.command("revoke a1 --wait") == "revoked, durable from checkpoint 2\n");
  CHECK(world.command("call a1 get") == "error: capability is void\n");
  CHECK(world.command("call a2 get") == "error: capability is void\n");
  CHECK(world.command("call c1 get") == "7\n");
  CHECK(world.command("revoke a1") == "error: a1 is revoked already\n");
  CHECK(world.command("revoke a1 --wait") == "revoked, durable from checkpoint 4\n");
  CHECK(world.command("revoke a2").starts_with("revoked, will be durable with a checkpoint to come"));
  CHECK(world.command("forget a1") == "a1 forgotten\n");
  CHECK(world.command("forget a2") == "a2 forgotten\n");
  CHECK(world.command("call a1 get") == "error: there is no server a1; servers lists them\n");
  CHECK(FakeUserlandKernel::used(*world.kernel.root_bank()) == before);
}

TEST_CASE("aliases: what is refused") {
  World world;
  world.command("start counter c1");
  world.command("wrap c1 a1");
  CHECK(world.command("wrap c1 a1") == "error: a1 is in use; choose another name, or forget it first\n");
  CHECK(world.command("wrap c1 c1") == "error: c1 is in use; choose another name, or destroy it first\n");
  CHECK(world.command("start counter a1") ==
        "error: a1 is in use; choose another name, or forget it first\n");
  CHECK(world.command("wrap nobody a2") == "error: there is no server nobody; servers lists them\n");
  CHECK(world.command("wrap c1 2a").starts_with("error: a name has"));
  CHECK(world.command("block c1") ==
        "error: c1 is a server, not an alias; wrap c1 ALIAS makes one\n");
  CHECK(world.command("forget nobody") == "error: there is no alias nobody; servers lists them\n");
  CHECK(world.command("revoke a1 --now") ==
        "error: unknown option --now; usage: revoke ALIAS [--wait]\n");
  CHECK(world.command("destroy a1 -y") ==
        "error: a1 is an alias; revoke takes it back, forget drops its name\n");
  for (unsigned i = 1; i < 8; ++i) {
    has(world.command("wrap a" + std::to_string(i) + " a" + std::to_string(i + 1)), "stands for");
  }
  CHECK(world.command("call a8 get") == "0\n");
  CHECK(world.command("wrap a8 a9") == "error: 8 wrappers may stand one behind the other, and a8 has "
                                       "as many; use what it was made of\n");
  has(world.command("destroy c1 -y"), "destroyed");
  CHECK(world.command("call a1 get") == "error: capability is void\n");
  CHECK(world.command("wrap c1 b1") == "error: capability is void\n");
  CHECK(world.command("forget a8") == "a8 forgotten\n");
}

TEST_CASE("what another writes does not take the line away that is being typed") {
  World world;
  std::string text = world.type({"call c1 g", "\r| life  1  ##\r\n", "et\x1b[D", "\r| life  2 # #\r\n", "\r| life  3  ##\r\n"});
  has(text, "perdure> call c1 g| life  1  ##\nperdure> call c1 get\b| life  2 # #\n");
  CHECK(text.ends_with("| life  3  ##\nperdure> call c1 get\b"));
  CHECK(world.type({"\x15" "checkpoint\r"}).ends_with("checkpoint 2 committed\nperdure> "));
}

TEST_CASE("servers tells which aliases are void, through others, too") {
  World world;
  world.command("start counter c1");
  world.command("wrap c1 w1");
  world.command("wrap w1 w2");
  world.command("wrap w2 w3");
  CHECK_FALSE(world.command("servers").contains("void"));
  world.command("forget w1");
  CHECK(world.command("wrap w2 w4") == "error: capability is void\n");
  has(world.command("servers"), "w2               stands for w1, void\n");
  has(world.command("servers"), "w3               stands for w2, void\n");
  world.command("wrap c1 w1");  // the name only
  has(world.command("servers"), "w1               stands for c1\n");
  has(world.command("servers"), "w2               stands for w1, void\n");
  world.command("block w3");
  has(world.command("servers"), "w3               stands for w2, blocked, void\n");
  world.command("destroy c1 -y");
  has(world.command("servers"), "w1               stands for c1, void\n");
}

TEST_CASE("a line that is not what was typed is refused whole") {
  World world;
  world.command("start counter c1");
  has(world.type({"destroy c\xc3\xa9" "1 -y\r"}), "error: a line has only characters of ASCII; nothing was done\n");
  has(world.type({"call c1 add 1" + std::string(300, '1') + "\r"}),
      "error: a line has at most 255 characters; nothing was done\n");
  CHECK(world.command("call c1 get") == "0\n");
}

TEST_CASE("what a server answers is told as its answer, and not as what the shell itself found out") {
  World world;
  world.command("start counter c1");
  for (const Result answer : {Result::in_use, Result::interrupted, Result::restarted, Result::void_capability}) {
    world.kernel.answer_entry = [&](const FakeObject& endpoint, Message& message) {
      if (message.words[0] == method::describe) answer_request<Counter, add, get>(world.counters[&endpoint], message);
      else message.words[0] = static_cast<uint64_t>(answer);
    };
    CHECK(world.command("call c1 get") == "error: c1 says: " + std::string(name_of(answer)) + "\n");
  }
  world.kernel.answer_entry = [](const FakeObject&, Message& message) {
    message.words[0] = static_cast<uint64_t>(Result::in_use);
  };
  CHECK(world.command("describe c1") == "error: c1 says: in use\n");
  CHECK_FALSE(world.shell->interrupter.end_call());
}

TEST_CASE("no answer makes the shell say of a living server that it is void, destroyed or stopped") {
  World world;
  world.command("start counter c1");
  world.command("wrap c1 a1");
  world.command("wrap a1 a2");
  uint64_t answer = 0;
  world.kernel.answer_entry = [&](const FakeObject& endpoint, Message& message) {
    if (message.words[0] == method::describe) answer_request<Counter, add, get>(world.counters[&endpoint], message);
    else message = {.words = {answer}};
  };
  for (answer = 1; name_of(static_cast<Result>(answer)) != "unknown result"; ++answer) {
    for (const std::string name : {"c1", "a1", "a2"}) {
      CHECK(world.command("call " + name + " get") == "error: " + name + " says: " + std::string(name_of(static_cast<Result>(answer))) + "\n");
    }
  }
  CHECK(answer == 19);
  for (; answer < 40; ++answer) {
    TextBuffer<128> told;
    told << "error: a2 answers an error that it does not describe: 0x" << Hexadecimal{answer} << "\n";
    CHECK(world.command("call a2 get") == told.text());
  }
  answer = own_result_bit - 1;
  CHECK(world.command("call c1 get") == "error: c1 answers an error that it does not describe: 0x7fffffffffffffff\n");
  world.kernel.answer_entry = [&](const FakeObject&, Message& message) {  // nor by what it says of itself
    message = {.words = {static_cast<uint64_t>(Result::void_capability)}};
  };
  CHECK(world.command("describe a1") == "error: a1 says: capability is void\n");
  world.command("revoke a1");
  CHECK(world.command("call a1 get") == "error: capability is void\n");
  CHECK(world.command("call a2 get") == "error: capability is void\n");
  world.command("wrap c1 b1");
  world.kernel.answer_entry = [&](const FakeObject&, Message& message) {  // it ends with the call
    message = {.words = {static_cast<uint64_t>(Result::destroyed)}};
    CHECK(shell_register::server_bank.destroy());
  };
  CHECK(world.shell->names.fetch(*world.shell->names.find("c1"), NameTable::Which::bank, shell_register::server_bank.at));
  CHECK(world.command("call b1 get") == "error: destroyed\n");
  world.command("destroy c1 -y");
  CHECK(world.command("call c1 get") == "error: capability is void\n");
}

TEST_CASE("a server's own errors: its own words, or that it has none") {
  World world;
  world.command("start counter c1");
  world.command("wrap c1 a1");
  std::string description = "counter\nget -> number\n!full it counts no\tfurther\n";
  uint64_t answer = static_cast<uint64_t>(own_result("counter.full"));
  world.kernel.answer_entry = [&](const FakeObject&, Message& message) {
    const bool describes = message.words[0] == method::describe;
    message = {.words = {describes ? 0 : answer}};
    if (describes) message.bytes = std::as_bytes(std::span(description));
  };
  CHECK(world.command("call c1 get") == "error: c1 says: it counts no?further\n");
  CHECK(world.command("call a1 get") == "error: a1 says: it counts no?further\n");
  CHECK(world.command("describe a1") == "a1 is a counter; its methods:\nget -> number\n"
                                        "errors of its own:\nfull: it counts no?further\n");
  has(world.command("call c1 set"), "it has:\nget -> number\n");
  answer = own_result_bit | 2;
  CHECK(world.command("call a1 get") == "error: a1 answers an error that it does not describe: 0x8000000000000002\n");
  description = "idle\n!full -> nothing\n";
  CHECK(world.command("describe c1") == "c1 is an idle; it has no methods\nerrors of its own:\nfull: -> nothing\n");
  CHECK(world.command("call c1 !full") == "error: c1 has no method !full; it has none\n");
}

TEST_CASE("an alias of what the kernel answers for is told as what it is, whatever its server does") {
  World world;
  world.command("start counter c1");
  world.kernel.answer_entry = [&](const FakeObject&, Message& message) {
    static constexpr std::string_view description = "counter\ngive -> capability\n";
    const bool describes = message.words[0] == method::describe;
    message = {.words = {0}};
    if (describes) message.bytes = std::as_bytes(std::span(description));
    else message.sent[0] = {31};
  };
  const struct {
    CapabilityType type;
    std::string name;
  } objects[] = {{CapabilityType::page, "a page"}, {CapabilityType::endpoint, "an endpoint"}, {CapabilityType::clock, "a clock"}};
  for (const auto& [type, name] : objects) {
    world.kernel.at({31}) = world.kernel.make(type);
    has(world.command("call c1 give p"), "p bound; ");
    has(world.command("wrap p q"), "q stands for p");
    for (const std::string alias : {"p", "q"}) {
      const std::string told = alias + " is " + name + ", an object of the kernel: it has no methods of a server\n";
      CHECK(world.command("describe " + alias) == told);
      CHECK(world.command("call " + alias + " get") == "error: " + told);
    }
    world.command("revoke p");
    CHECK(world.command("describe q") == "error: capability is void\n");
    world.command("forget p");
    world.command("forget q");
  }
  world.kernel.at({31}) = world.kernel.make(CapabilityType::page);
  world.command("call c1 give p");
  stop_all_programs(world);
  has(world.command("describe p"), "p is a page, ");
  has(world.command("describe c1"), "error: c1 is stopped; ");
  world.command("destroy c1 -y");
}

TEST_CASE("a call ends when the program that it waits for stops, and only then") {
  World world;
  world.command("start counter c1");
  world.command("start counter c2");
  world.command("wrap c1 g");
  const auto start_of = [&](std::string_view name) { return world.shell->names.at(*world.shell->names.find(name)).start; };
  world.command("block g");
  world.kernel.while_blocked = [&] {
    CHECK_FALSE(world.shell->interrupter.end_call_of(start_of("c2")));
    CHECK(world.shell->interrupter.end_call_of(start_of("c1")));
    return Result::interrupted;
  };
  CHECK(world.command("call g get") == "error: g stopped before it answered; destroy c1 ends it\n");
  CHECK_FALSE(world.shell->interrupter.end_call_of(start_of("c1")));  // none is waiting
  world.kernel.while_blocked = [&] {
    world.kernel.stalls_of_call = 3;
    CHECK(world.shell->interrupter.end_call_of(start_of("c1")));
    return Result::interrupted;
  };
  CHECK(world.command("call g get") == "error: g stopped before it answered; destroy c1 ends it\n");
}

TEST_CASE("a call that is answered just before it is ended keeps its answer") {
  World world;
  world.command("start counter c1");
  world.kernel.answer_entry = [&](const FakeObject& endpoint, Message& message) {
    world.kernel.is_call_waiting = true;  // in its next call
    CHECK(world.shell->interrupter.end_call());
    world.kernel.is_call_waiting = false;
    answer_request<Counter, add, get>(world.counters[&endpoint], message);
  };
  CHECK(world.command("call c1 add 5") == "5\n");
}

TEST_CASE("a program that stops behind its answer is not called once more") {
  World world;
  world.command("start counter c1");
  unsigned calls = 0;
  world.kernel.answer_entry = [&](const FakeObject& endpoint, Message& message) {
    ++calls;
    answer_request<Counter, add, get>(world.counters[&endpoint], message);
    stop_all_programs(world);
  };
  CHECK(world.command("call c1 get") == "error: c1 is stopped; servers shows why, destroy c1 ends it\n");
  CHECK(calls == 1);
}

TEST_CASE("what is told of a program that is gone ends no call of one that has its account, nor is it told as of that one") {
  World world;
  world.command("");
  const FakeCapability endpoint = world.kernel.make(CapabilityType::endpoint);
  world.kernel.at({31}) = endpoint;
  CHECK(world.shell->names.keep_watcher({31}));
  const auto start = [&](std::string_view name) {
    world.command("start counter " + std::string(name));
    const auto index = *world.shell->names.find(name);
    CHECK(world.shell->names.fetch(index, NameTable::Which::process, {31}));
    const FakeCapability keeper = world.kernel.at({31}).object->slots[process_slot::keeper];
    CHECK(keeper.object == endpoint.object);
    CHECK(keeper.payload == world.shell->names.at(index).start);
    return std::pair(world.shell->names.at(index).account, keeper.payload);
  };
  const auto told = [&](uint64_t payload) {
    world.kernel.written.clear();
    world.shell->tell_fault({.start = payload, .code = FaultCode::no_memory});
    return world.kernel.written;
  };
  const auto [account, old] = start("c1");
  CHECK(told(old).starts_with("\rc1 (counter) stopped: it read address 0x0, where nothing is; instruction 0x0   \r\n  scripts"));
  for (const std::string name : {"c2", "c1"}) {  // the same name, too
    world.command("destroy c1 -y");
    const auto [next_account, next] = start(name);
    CHECK(next_account == account);
    CHECK(next != old);
    world.command("wrap " + name + " g");
    world.command("block g");
    world.kernel.while_blocked = [&] {
      CHECK_FALSE(world.shell->interrupter.end_call_of(old));
      CHECK(world.shell->interrupter.end_call_of(next));
      return Result::interrupted;
    };
    CHECK(world.command("call g get") == "error: g stopped before it answered; destroy " + name + " ends it\n");
    has(told(old), "a program without a name stopped: ");
    CHECK_FALSE(told(old).contains(name));
    has(told(next), name + " (counter) stopped: ");
    world.command("destroy " + name + " -y");
    world.command("forget g");
  }
}

TEST_CASE("what a program did when it stopped, in words") {
  const auto told = [](ProgramFault fault) {
    TextBuffer<256> text;
    write_fault(text, fault);
    return std::string(text.text());
  };
  CHECK(told({.code = FaultCode::no_memory, .address = 0x10, .instruction = 0x400123}) ==
        "it read address 0x10, where nothing is; instruction 0x400123");
  CHECK(told({.code = FaultCode::access, .address = 0x400000, .is_write = true, .instruction = 5}) ==
        "it wrote to address 0x400000, where it may not; instruction 0x5");
  CHECK(told({.code = FaultCode::access, .address = 0x7000, .is_execute = true, .instruction = 0x7000}) ==
        "it jumped to address 0x7000, where it may not; instruction 0x7000");
  CHECK(told({.code = FaultCode::other_exception, .address = 17}).starts_with("exception 17 of the processor"));
}

TEST_CASE("servers tells by what a program was stopped, in the same words") {
  World world;
  world.command("start counter c1");
  const auto index = *world.shell->names.find("c1");
  CHECK(world.shell->names.fetch(index, NameTable::Which::process, {31}));
  FakeObject& process = *world.kernel.at({31}).object;
  process.state = ProcessState::stopped;
  CHECK(world.command("servers").ends_with("  stopped\n"));
  const auto told = [&](FaultCode code, uint64_t address, uint64_t detail) {
    process.fault = code;
    process.fault_address = address;
    process.fault_detail = detail;
    process.registers.rip = 0x400123;
    const std::string line = world.command("servers"), begin = "  stopped by a fault: ", end = "; instruction 0x400123\n";
    has(line, begin);
    CHECK(line.ends_with(end));
    const size_t start = line.find(begin) + begin.size();
    return line.substr(start, line.size() - end.size() - start);
  };
  CHECK(told(FaultCode::no_memory, 0x10, 0) == "it read address 0x10, where nothing is");
  CHECK(told(FaultCode::access, 0x400000, 1) == "it wrote to address 0x400000, where it may not");
  CHECK(told(FaultCode::access, 0x7000, 2) == "it jumped to address 0x7000, where it may not");
  // These have no address.
  CHECK(told(FaultCode::breakpoint, 0, 0) == "a breakpoint");
  CHECK(told(FaultCode::invalid_instruction, 0, 0) == "an invalid instruction (a trap, or a program that returned)");
  CHECK(told(FaultCode::divide_error, 0, 0) == "a division by zero, or whose result is too large");
  CHECK(told(FaultCode::protection, 0, 0) == "a protected instruction or address");
  CHECK(told(FaultCode::other_exception, 17, 0) == "exception 17 of the processor");
}

TEST_CASE("^C that was typed ahead of a call leaves it") {
  World world;
  world.command("start counter c1");
  const std::string text = world.type({"call c1 get\r\x03"});
  has(text, "interrupted: c1 had not answered\n");
}

TEST_CASE("tab") {
  World world;
  world.command("start counter counter1");
  world.command("start counter counter2");
  has(world.type({"chec\t\r"}), "perdure> checkpoint \ncheckpoint 2 committed\n");
  has(world.type({"call co\t1 a\t5\r"}), "perdure> call counter1 add 5\n5\n");
  has(world.type({"destroy \t1 \t\r"}), "perdure> destroy counter1 -y \ncounter1 destroyed, ");
  has(world.type({"destroy -\t\t\r"}), "perdure> destroy -y counter2 \ncounter2 destroyed, ");
  const std::string list = world.type({"sta\t\r"});
  has(list, "perdure> sta\nstart   status\nperdure> sta\nerror: ");
}

TEST_CASE("what runs, and what Tab offers, stands in rows of the terminal, and how many they are") {
  World world;
  world.kernel.root_bank()->banks[0]->limit = 10'000;
  std::vector<std::string> names;
  const auto rows_fit = [](const std::string& text) {
    std::istringstream rows(text);
    for (std::string row; std::getline(rows, row);) {
      INFO(row);
      CHECK(row.size() <= LineEditor::row_length);
      CHECK_FALSE(row.ends_with(' '));
    }
  };
  const auto between = [](const std::string& text, const std::string& begin, const std::string& end) {
    INFO(text);
    const size_t start = text.find(begin);
    REQUIRE(start != std::string::npos);
    return text.substr(start, text.find(end, start) - start);
  };
  for (unsigned count = 1; count <= 70; ++count) {
    names.push_back(std::string(1, static_cast<char>('a' + count % 26)) + std::to_string(count) + std::string(count % 13, 'x'));
    world.command("start counter " + names.back());
    if (count > 8 && count != 70) continue;
    const std::string running = between(world.type({FakeUserlandKernel::power_cut, "\x15"}), "running: shell", "power cuts");
    rows_fit(running);
    std::string one_row = "running: shell";
    for (const std::string& name : names) {
      one_row += ", " + name + " (counter)";
      has(running, name + " (counter)");
    }
    if (one_row.size() <= LineEditor::row_length) CHECK(running == one_row + "\n");
    else CHECK(running.starts_with("running: shell, " + std::to_string(count) + " servers:\n"));
  }
  const std::string offered = between(world.type({"destroy \t"}), "destroy \n", "perdure> ");
  has(offered, "destroy \n70 possibilities:\n");
  rows_fit(offered.substr(offered.find('\n') + 1));
  for (const std::string& name : names) has(offered, name);
  CHECK(std::ranges::count(offered, '\n') == 2 + (70 + 3) / 4);  // 15 characters, and two blanks, four times in a row
}

TEST_CASE("Tab behind a method's name that is longer than a row: first what all have in common, then what there is") {
  World world;
  world.command("start counter c1");
  static const std::string description = "counter\n" + std::string(200, 'm') + " -> number\n" + std::string(200, 'm') + "n -> number\n";
  world.kernel.answer_entry = [](const FakeObject&, Message& message) {
    message = {.words = {0}};
    message.bytes = std::as_bytes(std::span(description));
  };
  const std::string text = world.type({"call c1 " + std::string(100, 'm') + "\t\t"});
  has(text, "\n" + std::string(LineEditor::row_length, 'm') + "\n" + std::string(LineEditor::row_length, 'm') + "\nperdure> ");
}

TEST_CASE("tab behind a word as long as a line, which a server's method begins with") {
  World world;
  world.command("start counter c1");
  std::string description;
  world.kernel.answer_entry = [&](const FakeObject&, Message& message) {
    message = {.words = {0}};
    message.bytes = std::as_bytes(std::span(description));
  };
  const std::string line = "call c1 ";
  for (size_t typed = 1; line.size() + typed <= LineEditor::length_max; ++typed) {
    const std::string word(typed, 'x');
    description = "counter\n" + word + "x -> nothing\n" + word + std::string(300, 'x') + " -> nothing\n";
    world.type({"\x15" + line + word + "\t"});
    REQUIRE(world.type({"\x15\r\x15"}).ends_with(prompt));
  }
}

TEST_CASE("names by the hundred, destroyed and given again") {
  World world;
  world.kernel.root_bank()->banks[0]->limit = 90'000;
  for (unsigned i = 0; i < 300; ++i) {
    const std::string name = "s" + std::to_string(i);
    has(world.command("start counter " + name + " 64"), name + " started");
    CHECK(world.command("call " + name + " add " + std::to_string(i)) == std::to_string(i) + "\n");
  }
  for (unsigned i = 0; i < 300; i += 2) world.command("destroy s" + std::to_string(i) + " -y");
  for (unsigned i = 0; i < 300; i += 3) {
    const std::string name = "s" + std::to_string(i);
    if (i % 2 == 0) world.command("start counter " + name + " 64");
    CHECK(world.command("call " + name + " get") == (i % 2 == 0 ? "0\n" : std::to_string(i) + "\n"));
  }
  for (unsigned i = 0; i < 150; ++i) world.command("start counter t" + std::to_string(i) + " 64");
  for (unsigned i = 1; i < 300; i += 2) {
    CHECK(world.command("call s" + std::to_string(i) + " get") == std::to_string(i) + "\n");
  }
  // 300 names and 150 more; of the 100 that were destroyed by then, all but 64 made way.
  CHECK(world.shell->names.size() == 300 + 150 - (100 - 64));
}

TEST_CASE("power that fails while the prompt is being written: one banner, one prompt") {
  World world;
  world.type({"start counter c1\r"});
  for (unsigned failing = 1; failing < 8; ++failing) {
    INFO("write " << failing);
    world.kernel.cut_at_write(failing);
    std::string text = world.type({"call c1 get\r", "\x15"});
    const size_t banner = text.find("Perdure: store");
    REQUIRE(banner != std::string::npos);
    text.erase(0, banner);
    has(text, "checkpoints: every 3000 ms\n");
    CHECK(text.find("perdure> perdure>") == std::string::npos);
    CHECK(text.ends_with("\n0\nperdure> "));
  }
}

TEST_CASE("power commands show nothing more before the next boot") {
  World world;
  for (const std::string_view line : {"reboot\r", "poweroff\r"}) {
    const std::string text = world.type({line});
    const size_t banner = text.find("\nPerdure: store", 2);
    REQUIRE(banner != std::string::npos);
    CHECK(text.ends_with("ms\nperdure> "));
  }
  CHECK(world.kernel.power_requests() == "reboot poweroff ");
  CHECK(world.command("reboot --now") == "error: unknown option --now; usage: reboot [--cut]\n");
}

TEST_CASE("a hundred servers, destroyed in another order, leave nothing behind") {
  World world;
  world.kernel.at({3}).object->limit = 10'000;
  world.command("");
  const uint64_t before = FakeUserlandKernel::used(*world.kernel.root_bank());
  for (unsigned round = 0; round < 3; ++round) {
    const std::string letter(1, static_cast<char>('a' + round));
    for (unsigned i = 0; i < 100; ++i) {
      has(world.command("start counter " + letter + std::to_string(i)), " started, with a bank of ");
    }
    for (unsigned i = 0; i < 100; ++i) {
      has(world.command("destroy " + letter + std::to_string(i * 37 % 100) + " -y"), " destroyed, ");
    }
    CHECK(FakeUserlandKernel::used(*world.kernel.root_bank()) == before);
  }
}

TEST_CASE("a server without methods, and one that would draw on the screen") {
  World world;
  world.command("start counter c1");
  world.kernel.answer_entry = [](const FakeObject&, Message& message) {
    message.bytes = std::as_bytes(std::span(std::string_view("idle\n")));
    message.words[0] = 0;
  };
  CHECK(world.command("call c1 get") == "error: c1 has no method get; it has none\n");

  static constexpr std::string_view hostile = "counter\nname -> word\nx\x1b[2J\r\xff\t -> word\n";
  world.kernel.answer_entry = [](const FakeObject&, Message& message) {
    const bool is_name = message.words[0] == method_code_of("counter", "name");
    message.bytes = std::as_bytes(std::span(hostile));
    message.words[0] = 0;
    if (is_name) std::memcpy(&message.words[1], "\x1b[31mred\n\x80", 11);
  };
  CHECK(world.command("call c1 get") ==
        "error: c1 has no method get; it has:\nname -> word\nx?[2J??? -> word\n");
  CHECK(world.command("call c1 name") == "?[31mred??\n");
}

namespace {

// A demonstration by script: what each step answers.
struct ScriptedDemo {
  std::vector<std::pair<DemoStep::Outcome, std::string>> steps;
  size_t next = 0;
  std::function<void()> at_step = [] {};
  Result refusal = Result::bad_argument;  // at the end of the steps
};
Answer<uint64_t> begin(ScriptedDemo& demo, const Call&, Word) { return demo.steps.size(); }
Answer<DemoStep> step(ScriptedDemo& demo, const Call&) {
  demo.at_step();
  if (demo.next == demo.steps.size()) return std::unexpected(demo.refusal);
  const auto& one = demo.steps[demo.next++];
  return DemoStep{one.first, one.second.size()};
}
Answer<DemoText> text(ScriptedDemo& demo, const Call&, uint64_t offset) {
  DemoText piece;
  demo.steps[demo.next - 1].second.substr(offset).copy(piece.characters, DemoText::length_max);
  return piece;
}

std::string play(World& world, ScriptedDemo& demo) {
  world.kernel.at({5}).object->slots[2] = make_recipe(world.kernel, {.name = "demo"});
  world.kernel.answer_entry = [&](const FakeObject&, Message& message) {
    answer_request<Demo, begin, step, text>(demo, message);
  };
  return world.command("demo A2");
}

}  // namespace

TEST_CASE("a demonstration is shown step by step, and nothing of it is left") {
  World world;
  world.command("");
  const uint64_t before = FakeUserlandKernel::used(*world.kernel.root_bank());
  const std::string line(90, 'x');
  ScriptedDemo demo{.steps = {{DemoStep::Outcome::goes_on, line + "\nsecond"}, {DemoStep::Outcome::ok, "last"}}};
  const std::string said = play(world, demo);
  has(said, "A2: ");
  has(said, "\n  " + line + "\n  second\n  last\ndemo A2: ok\n");
  CHECK(FakeUserlandKernel::used(*world.kernel.root_bank()) == before);
}

TEST_CASE("a demonstration that fails, that is refused, that leaves something behind") {
  World world;
  world.command("");
  const uint64_t before = FakeUserlandKernel::used(*world.kernel.root_bank());
  ScriptedDemo fails{.steps = {{DemoStep::Outcome::failed, "a page is not zero"}}};
  has(play(world, fails), "\ndemo A2: failed: a page is not zero\n");
  ScriptedDemo stops{.steps = {{DemoStep::Outcome::goes_on, "first"}}};
  has(play(world, stops), "\ndemo A2: failed: a step was not done: the program says: bad argument\n");
  CHECK(FakeUserlandKernel::used(*world.kernel.root_bank()) == before);
  ScriptedDemo lies{.steps = {{DemoStep::Outcome::goes_on, "first"}}, .refusal = Result::interrupted};
  has(play(world, lies), "\ndemo A2: failed: a step was not done: the program says: interrupted\n");
  ScriptedDemo faults{.steps = {{DemoStep::Outcome::goes_on, "first"}}};
  faults.at_step = [&] { stop_all_programs(world); };
  has(play(world, faults), "\ndemo A2: failed: it does not say what it did: the program has stopped\n");
  ScriptedDemo leaves{.steps = {{DemoStep::Outcome::ok, "fine"}}};
  leaves.at_step = [] { CHECK(BankCapability{CapabilityRegister{4}}.allocate(Kind::page, {31})); };
  has(play(world, leaves), "\ndemo A2: failed: it leaves something behind: the root bank had ");
}

TEST_CASE("a demonstration that cannot be started takes nothing else with it") {
  World world;
  world.command("start counter c1");
  world.command("call c1 add 42");
  const auto fails = [&](std::string_view why) {
    world.command("servers");  // the last bank that was looked at
    has(world.command("demo A2"), why);
    CHECK(world.command("call c1 get") == "42\n");
  };
  fails("demo A2: failed: there is no program for it\n");
  FakeObject& recipes = *world.kernel.at({5}).object;
  recipes.slots[2] = make_recipe(world.kernel, {.name = "demo", .data_pages = 100'000});
  fails("demo A2: failed: it cannot be started with ");
  recipes.slots[2] = make_recipe(world.kernel, {.name = "demo"});
  world.kernel.root_bank()->banks[0]->limit = FakeUserlandKernel::used(*world.kernel.root_bank()->banks[0]);
  fails("demo A2: failed: it cannot be started with ");
}

TEST_CASE("which demonstrations there are") {
  World world;
  for (const DemoRow& row : demo_rows) has(world.command("demo"), std::string(row.name) + "  ");
  CHECK(world.command("demo Z9") == "error: there is no demonstration Z9; demo lists them\n");
}
