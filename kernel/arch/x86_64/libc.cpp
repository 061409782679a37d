// SPDX-License-Identifier: MIT
//
// The few functions that the compiler calls on its own, for a kernel without a C library. They
// move words of eight bytes; the processor's string instructions keep them short. Marked as used: the
// compiler calls them also where it finds the need so late that the linker has dropped them.
#include <cstddef>
#include <cstdint>

namespace {

void copy_up(void* to, const void* from, size_t length_bytes) {
  size_t words = length_bytes / 8;
  size_t rest = length_bytes % 8;
  asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words)::"memory");
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest)::"memory");
}

void copy_down(void* to, const void* from, size_t length_bytes) {
  auto* to_end = static_cast<uint8_t*>(to) + length_bytes - 1;
  auto* from_end = static_cast<const uint8_t*>(from) + length_bytes - 1;
  size_t rest = length_bytes % 8;
  asm volatile("std; rep movsb; cld" : "+D"(to_end), "+S"(from_end), "+c"(rest)::"memory");
  to_end -= 7;
  from_end -= 7;
  size_t words = length_bytes / 8;
  asm volatile("std; rep movsq; cld" : "+D"(to_end), "+S"(from_end), "+c"(words)::"memory");
}

using UnalignedWord [[gnu::aligned(1), gnu::may_alias]] = uint64_t;

}  // namespace

extern "C" {

[[gnu::used]] void* memcpy(void* to, const void* from, size_t length_bytes) {
  copy_up(to, from, length_bytes);
  return to;
}

[[gnu::used]] void* memmove(void* to, const void* from, size_t length_bytes) {
  const auto distance = reinterpret_cast<uintptr_t>(to) - reinterpret_cast<uintptr_t>(from);
  if (distance >= length_bytes) {
    copy_up(to, from, length_bytes);
  } else {
    copy_down(to, from, length_bytes);
  }
  return to;
}

[[gnu::used]] void* memset(void* to, int value, size_t length_bytes) {
  void* at = to;
  const uint64_t pattern = uint64_t{static_cast<uint8_t>(value)} * 0x0101010101010101;
  size_t words = length_bytes / 8;
  size_t rest = length_bytes % 8;
  asm volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
  asm volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
  return to;
}

[[gnu::used]] int memcmp(const void* left, const void* right, size_t length_bytes) {
  auto* a = static_cast<const uint8_t*>(left);
  auto* b = static_cast<const uint8_t*>(right);
  while (length_bytes >= 8 && *reinterpret_cast<const UnalignedWord*>(a) ==
                                  *reinterpret_cast<const UnalignedWord*>(b)) {
    a += 8, b += 8, length_bytes -= 8;
  }
  for (; length_bytes > 0; ++a, ++b, --length_bytes) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}

void* memchr(const void* memory, int value, size_t length_bytes) {
  auto* at = static_cast<uint8_t*>(const_cast<void*>(memory));
  for (; length_bytes > 0; ++at, --length_bytes) {
    if (*at == static_cast<uint8_t>(value)) return at;
  }
  return nullptr;
}

size_t strlen(const char* text) {
  size_t length = 0;
  for (const volatile char* at = text; *at != 0; ++at) ++length;
  return length;
}

// A call of a pure virtual function: it never happens, but the tables of virtual functions name it.
void __cxa_pure_virtual() { __builtin_trap(); }

}  // extern "C"
