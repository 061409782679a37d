// SPDX-License-Identifier: MIT
//
// Formatting, the words of a line, and arguments for servers: tables of what goes in and what
// must come out, at the ends of every range.
#include "userland/shell/words.hpp"

#include <catch2/catch.hpp>

#include <ctime>
#include <string>

using namespace perdure;

namespace {

template <typename... Pieces>
std::string text_of(const Pieces&... pieces) {
  TextBuffer<200> text;
  (text << ... << pieces);
  return std::string(text.text());
}

}  // namespace

TEST_CASE("numbers") {
  CHECK(text_of(0u, ' ', ~uint64_t{0}) == "0 18446744073709551615");
  CHECK(text_of(Hexadecimal{0xabc}, Hexadecimal{0, 4}) == "abc0000");
  CHECK(text_of(Hexadecimal{~uint64_t{0}, 16}) == "ffffffffffffffff");
  CHECK(text_of(Padded{7, 3}, Padded{1234, 2}, Padded{5, 2, '0'}) == "  7123405");
  CHECK(text_of(LeftAligned{"ab", 4}, '|', LeftAligned{"abcde", 4}) == "ab  |abcde");
}

TEST_CASE("units") {
  CHECK(text_of(ByteCount{0}) == "0 bytes");
  CHECK(text_of(ByteCount{4096}) == "4096 bytes");
  CHECK(text_of(ByteCount{12 << 10}) == "12 KiB");
  CHECK(text_of(ByteCount{uint64_t{64} << 20}) == "64 MiB");
  CHECK(text_of(ByteCount{~uint64_t{0}}) == "16777215 TiB");
  CHECK(text_of(Duration{900}) == "900 ns");
  CHECK(text_of(Duration{12'000}) == "12 us");
  CHECK(text_of(Duration{12'000'000}) == "12 ms");
  CHECK(text_of(Duration{12'000'000'000}) == "12 s");
  CHECK(text_of(Duration{125'000'000'000}) == "2 min 05 s");
  CHECK(text_of(Duration{uint64_t{7500} * 1'000'000'000}) == "2 h 05 min");
  CHECK(text_of(Duration{uint64_t{200'000} * 1'000'000'000}) == "2 days 7 h");
}

TEST_CASE("dates agree with the host's calendar") {
  for (uint64_t seconds = 0; seconds < 8'000'000'000; seconds += 40'000'003) {
    const auto time = static_cast<time_t>(seconds);
    tm fields;
    char expected[64];
    gmtime_r(&time, &fields);
    strftime(expected, sizeof(expected), "%Y-%m-%d %H:%M:%S UTC", &fields);
    REQUIRE(text_of(UtcTime{seconds}) == expected);
  }
  CHECK(text_of(UtcTime{951'782'400}) == "2000-02-29 00:00:00 UTC");
}

TEST_CASE("text that does not fit is cut, and told") {
  TextBuffer<4> text;
  text << "abc";
  CHECK_FALSE(text.is_truncated());
  text << "de";
  CHECK(text.is_truncated());
  CHECK(text.text() == "abcd");
  text.clear();
  text << 'x';
  CHECK(text.text() == "x");
  CHECK_FALSE(text.is_truncated());
}

TEST_CASE("words of a line") {
  const Words words = split_words("  call   c1 add 42 ");
  REQUIRE(words.count == 4);
  CHECK(words.at(0) == "call");
  CHECK(words.at(3) == "42");
  CHECK(words.at(4).empty());
  CHECK(split_words("").count == 0);
  CHECK(split_words("   ").count == 0);
  CHECK(split_words(std::string(100, ' ') + std::string("a b c d e f g h i j k l m n o p q")).too_many);
}

TEST_CASE("numbers that a person types") {
  CHECK(parse_number("0") == 0u);
  CHECK(parse_number("18446744073709551615") == ~uint64_t{0});
  CHECK(parse_number("0xffffffffffffffff") == ~uint64_t{0});
  CHECK(parse_number("0x2A") == 42u);
  for (const std::string_view bad : {"", "-1", "0x", "x", "1a", "18446744073709551616", "1.5",
                                     "0x10000000000000000", " 1", "+1"}) {
    INFO(bad);
    CHECK_FALSE(parse_number(bad));
  }
}

TEST_CASE("names") {
  CHECK(is_good_name("c1"));
  CHECK(is_good_name("A-long_name-1234"));
  for (const std::string_view bad : {"", "1c", "-y", "a b", "a-name-too-long-1", "a/b", "\xc3\xa4"}) {
    INFO(bad);
    CHECK_FALSE(is_good_name(bad));
  }
}

TEST_CASE("arguments for a server that is known by its description only") {
  constexpr std::string_view description =
      "kv\nput KEY:word VALUE:number -> nothing\nget KEY:word -> word\nsum A:number B:number -> "
      "number\nlend WHAT:capability -> nothing\nwide A:word B:word C:word -> words\n";
  using Why = ArgumentError::Why;
  const auto put = find_method(description, "put");
  REQUIRE(put);
  const std::string_view good[] = {"milk", "0x10"};
  const auto message = build_call(*put, good);
  REQUIRE(message);
  CHECK(message->words[0] == method_code("kv.put"));
  CHECK(message->words[1] == 0x6b6c'696d);
  CHECK(message->words[2] == 0);
  CHECK(message->words[3] == 16);

  const std::string_view one[] = {"milk"};
  CHECK(build_call(*put, one).error().why == Why::count);
  const std::string_view no_number[] = {"milk", "much"};
  const auto error = build_call(*put, no_number).error();
  CHECK(error.why == Why::number);
  TextBuffer<200> text;
  write_error(text, "k", *put, no_number, error);
  CHECK(text.text() == "error: much is not a number from 0 to 2^64 - 1: call k put KEY VALUE\n");
  const std::string_view too_long[] = {"seventeen letters", "1"};
  CHECK(build_call(*put, too_long).error().why == Why::word);
  CHECK(build_call(*find_method(description, "lend"), one).error().why == Why::unsupported);
  const std::string_view three[] = {"a", "b", "c"};
  CHECK(build_call(*find_method(description, "wide"), three).error().why == Why::unsupported);
}

TEST_CASE("answers as text") {
  Message answer{.words = {0, 42, 0, 0, 0, 0}};
  const auto shown = [&](std::string_view type) {
    TextBuffer<200> text;
    write_answer(text, {.answer_type = type}, answer);
    return std::string(text.text());
  };
  CHECK(shown("number") == "42\n");
  CHECK(shown("nothing").empty());
  CHECK(shown("word") == "*\n");
  CHECK(shown("words") == "0x2a 0x0 0x0 0x0 0x0\n");
}
