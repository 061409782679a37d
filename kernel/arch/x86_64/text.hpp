// SPDX-License-Identifier: MIT
//
// A line of text of bounded length, put together without a heap. What does not fit is cut off.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace perdure {

class TextLine {
 public:
  TextLine& text(std::string_view characters) {
    for (const char character : characters) put(character);
    return *this;
  }
  TextLine& decimal(uint64_t number) { return digits(number, 10); }
  TextLine& hexadecimal(uint64_t number) { return text("0x").digits(number, 16); }
  std::string_view view() const { return {characters_, length_}; }

 private:
  void put(char character) {
    if (length_ < sizeof(characters_)) characters_[length_++] = character;
  }
  TextLine& digits(uint64_t number, unsigned base) {
    char reversed[20];
    size_t count = 0;
    do {
      reversed[count++] = "0123456789abcdef"[number % base];
      number /= base;
    } while (number != 0);
    while (count > 0) put(reversed[--count]);
    return *this;
  }

  char characters_[240] = {};
  size_t length_ = 0;
};

}  // namespace perdure
