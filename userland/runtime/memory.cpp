// SPDX-License-Identifier: MIT
//
// What the compiler and the freestanding headers expect to find: memory functions, and the functions
// that no correct program reaches. Compiled with -fno-builtin, so that a loop here is
// not turned into a call of itself.
#include <cstddef>
#include <cstdint>

namespace {

// Right also when the two overlap and `target` is the lower one: nothing is read after it was
// overwritten.
void copy_upward(unsigned char* target, const unsigned char* source, size_t length) {
  for (; length >= 8; length -= 8, target += 8, source += 8) {
    uint64_t word;
    __builtin_memcpy(&word, source, 8);
    __builtin_memcpy(target, &word, 8);
  }
  for (; length != 0; --length) *target++ = *source++;
}

}  // namespace

extern "C" {

void* memcpy(void* to, const void* from, size_t length) {
  copy_upward(static_cast<unsigned char*>(to), static_cast<const unsigned char*>(from), length);
  return to;
}

void* memset(void* to, int value, size_t length) {
  auto* target = static_cast<unsigned char*>(to);
  const uint64_t word = 0x0101010101010101u * static_cast<unsigned char>(value);
  for (; length >= 8; length -= 8, target += 8) __builtin_memcpy(target, &word, 8);
  for (; length != 0; --length) *target++ = static_cast<unsigned char>(value);
  return to;
}

void* memmove(void* to, const void* from, size_t length) {
  auto* target = static_cast<unsigned char*>(to);
  const auto* source = static_cast<const unsigned char*>(from);
  if (target <= source) {
    copy_upward(target, source, length);
    return to;
  }
  while (length-- != 0) target[length] = source[length];
  return to;
}

int memcmp(const void* a, const void* b, size_t length) {
  const auto* left = static_cast<const unsigned char*>(a);
  const auto* right = static_cast<const unsigned char*>(b);
  for (; length != 0; --length, ++left, ++right) {
    if (*left != *right) return *left < *right ? -1 : 1;
  }
  return 0;
}

void* memchr(const void* in, int value, size_t length) {
  const auto* bytes = static_cast<const unsigned char*>(in);
  for (; length != 0; --length, ++bytes) {
    if (*bytes == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(bytes);
  }
  return nullptr;
}

size_t strlen(const char* text) {
  size_t length = 0;
  while (text[length] != 0) ++length;
  return length;
}

// An invalid instruction stops the program where it is, for its keeper or a person to look at.
void abort() {
  while (true) __builtin_trap();
}

}

namespace std {
void __throw_out_of_range_fmt(const char*, ...) { abort(); }
void __throw_length_error(const char*) { abort(); }
void __throw_bad_expected_access() { abort(); }
}  // namespace std
