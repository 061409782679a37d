// SPDX-License-Identifier: MIT
//
// Formatted text into a buffer that the caller owns. No format strings, no floating point:
//
//   TextBuffer<80> line;
//   line << "used " << used << " of " << limit << " frames\n";
//
// Text that does not fit is cut; is_truncated() says so.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace perdure {

// How a number is to be written.
struct Hexadecimal {
  uint64_t value;
  unsigned digits = 0;  // at least so many, zeros in front
};
struct Padded {         // right-aligned in `width`
  uint64_t value;
  unsigned width;
  char fill = ' ';
};
struct LeftAligned {    // text with blanks behind it
  std::string_view text;
  unsigned width;
};
struct ByteCount { uint64_t value; };         // "4096 bytes", "12 KiB", "3 MiB"
struct Duration { uint64_t nanoseconds; };    // "950 us", "12 ms", "3 s", "2 h 05 min"
struct UtcTime { uint64_t seconds; };         // "2026-11-21 09:40:12 UTC"

class TextWriter {
 public:
  explicit TextWriter(std::span<char> buffer) : buffer_(buffer) {}

  TextWriter& operator<<(std::string_view text);
  TextWriter& operator<<(const char* text) { return *this << std::string_view(text); }
  TextWriter& operator<<(char character) { return *this << std::string_view(&character, 1); }
  template <std::unsigned_integral Number>
    requires(!std::same_as<Number, bool>)
  TextWriter& operator<<(Number number) { return *this << Padded{number, 0}; }
  TextWriter& operator<<(Hexadecimal);
  TextWriter& operator<<(Padded);
  TextWriter& operator<<(LeftAligned);
  TextWriter& operator<<(ByteCount);
  TextWriter& operator<<(Duration);
  TextWriter& operator<<(UtcTime);

  std::string_view text() const { return {buffer_.data(), length_}; }
  bool is_truncated() const { return is_truncated_; }
  void clear() {
    length_ = 0;
    is_truncated_ = false;
  }

 private:
  std::span<char> buffer_;
  size_t length_ = 0;
  bool is_truncated_ = false;
};

namespace format_detail {
template <size_t size>
struct Storage {
  char characters[size];
};
}  // namespace format_detail

// A writer with its own buffer. Not to be copied: the writer points into it.
template <size_t size>
class TextBuffer : private format_detail::Storage<size>, public TextWriter {
 public:
  TextBuffer() : TextWriter(std::span<char>(this->characters, size)) {}
  TextBuffer(const TextBuffer&) = delete;
  TextBuffer& operator=(const TextBuffer&) = delete;
};

}  // namespace perdure
