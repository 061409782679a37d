// SPDX-License-Identifier: MIT
//
// The recipe of a program: one capability page that holds all that is needed to start an
// instance. Made by the image builder, read by program_start; never written in between. A holder
// of a recipe can read the program's text and constants and cannot change them.
//
//   slot  content
//   0     number   recipe::revision_word
//   1     number   name, characters 0-7  (little endian, zero-padded)
//   2     number   name, characters 8-15
//   3     number   entry point: address of the first instruction
//   4     node     text and constants; read-only, its guard ready for slot 0 of a root node.
//                  Its page capabilities: text read-only; constants read-only and no-execute
//   5     number   count of data templates
//   6     number   pages of the data region, templates included; the rest is bss, on demand
//   7     number   pages of stack that an instance has from the beginning
//   8     number   least limit of a bank for one instance, frames; 0: what its pages need
//   9     number   checksum of the program file, to recognize a program older than the build
//   10    schedule that goes with the program: its starter may give it to an instance; or void
//   11-15 void
//   16..  page     data templates, read-only; page i is copied to layout::data_start + i pages
#pragma once

#include <cstdint>

#include "objects/capability.hpp"

namespace perdure::recipe {

inline constexpr uint64_t revision_word = 0x0001'6570'6963'6572;  // "recipe", revision 1

inline constexpr unsigned revision_slot = 0;
inline constexpr unsigned name_slot = 1;
inline constexpr unsigned name_slot_count = 2;
inline constexpr unsigned entry_point_slot = 3;
inline constexpr unsigned text_slot = 4;
inline constexpr unsigned template_count_slot = 5;
inline constexpr unsigned data_pages_slot = 6;
inline constexpr unsigned stack_pages_slot = 7;
inline constexpr unsigned least_limit_slot = 8;
inline constexpr unsigned checksum_slot = 9;
inline constexpr unsigned schedule_slot = 10;
inline constexpr unsigned first_template_slot = 16;
inline constexpr unsigned template_count_max = capabilities_per_page - first_template_slot;
inline constexpr unsigned name_length_max = name_slot_count * 8;

// The capability page of all recipes ("recipes" in the image description): the recipes in its
// slots from 0 on, void after the last.

}  // namespace perdure::recipe
