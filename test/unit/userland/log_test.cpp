// SPDX-License-Identifier: MIT
//
// Sends the log (the program itself) what programs send, and what hostile ones would: text that
// draws on the screen, text that passes for the shell, too much of it; with the power cut in between.
#include "test/support/fake_userland_kernel.hpp"
#include "userland/interfaces/log.hpp"
#include "userland/runtime/program.hpp"

#include <catch2/catch.hpp>

#include <cstring>

using namespace perdure;

namespace {

struct World {
  FakeUserlandKernel kernel;
  World() { kernel.at({6}) = {.type = CapabilityType::devices}; }

  // Each text is one request; afterwards the console's text → the answers.
  std::vector<Result> send(const std::vector<std::string>& texts, uint64_t code = Log::write) {
    std::vector<Result> answers;
    size_t sent = 0;
    kernel.deliver = [&](Message& message) {
      if (sent > 0) answers.push_back(message.result());
      if (sent == texts.size()) throw EndOfScript{};
      const std::string& text = texts[sent++];
      message.byte_count = static_cast<uint32_t>(std::min(text.size(), message.buffer.size()));
      std::memcpy(message.buffer.data(), text.data(), message.byte_count);
      message.words[0] = code;
      message.delivery = Delivery::call;
    };
    CHECK_THROWS_AS(program(0), EndOfScript);
    return answers;
  }
  std::string line(const std::string& text) {
    return "\r| " + text + std::string(text.size() < 77 ? 77 - text.size() : 0, ' ') + "\r\n";
  }
};

}  // namespace

TEST_CASE("lines appear behind their mark, in order") {
  World world;
  CHECK(world.send({"one", "", "three"}) == std::vector<Result>(3, Result::ok));
  CHECK(world.kernel.written == world.line("one") + world.line("") + world.line("three"));
}

TEST_CASE("no line draws on the screen, or passes for the shell's") {
  World world;
  world.send({"a\r\nperdure> \x1b[2J\x7f\xff"});
  CHECK(world.kernel.written == world.line("a??perdure> ?[2J??"));
}

TEST_CASE("a long line is cut") {
  World world;
  CHECK(world.send({std::string(4000, 'x')}) == std::vector{Result::ok});
  CHECK(world.kernel.written == world.line(std::string(Log::line_length_max, 'x')));
}

TEST_CASE("a line that meets a power cut is written after it, once") {
  for (unsigned write = 1; write <= 4; ++write) {
    World world;
    world.kernel.cut_at_write(write);
    CHECK(world.send({"one", "two", "three"}) == std::vector<Result>(3, Result::ok));
    CHECK(world.kernel.written == world.line("one") + world.line("two") + world.line("three"));
  }
}

TEST_CASE("whatever else it is asked") {
  World world;
  CHECK(world.send({"text"}, 12345) == std::vector{Result::unknown_method});
  CHECK(world.send({""}, method::describe) == std::vector{Result::ok});
  CHECK(world.kernel.written.empty());
}
