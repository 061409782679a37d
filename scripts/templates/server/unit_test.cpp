// SPDX-License-Identifier: MIT
//
// Calls @name@ (the program itself) as clients do, and as they should not.
#include "test/support/server_script.hpp"
#include "userland/interfaces/@name@.hpp"

#include <catch2/catch.hpp>

using namespace @name@_server;

namespace {

Message put(std::string_view text) { return request_of<@Name@, @Name@::put>(Word::of(text)); }
Message get() { return request_of<@Name@, @Name@::get>(); }

}  // namespace

TEST_CASE("@name@ keeps the last word") {
  FakeUserlandKernel kernel;
  const auto answers = answers_to(kernel, {put("one"), put("two"), get()});
  REQUIRE(answers.size() == 3);
  CHECK(answers[0].words[1] == 1);
  CHECK(answers[1].words[1] == 2);
  CHECK(Unpacker(answers[2]).take<Word>().view() == "two");
}

TEST_CASE("before the first word there is none") {
  FakeUserlandKernel kernel;
  CHECK(answers_to(kernel, {get()}).at(0).result() == @Name@::empty);
}

TEST_CASE("what it does not know it refuses") {
  FakeUserlandKernel kernel;
  CHECK(answers_to(kernel, {{.words = {12345}}}).at(0).result() == Result::unknown_method);
}
