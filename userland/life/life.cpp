// SPDX-License-Identifier: MIT
//
// Something alive to look at: a cellular automaton, one line of the log for each generation. All
// that it is are two numbers on its stack. The rule is Wolfram's 30, on a ring of 64 cells: there
// is no way to know a generation but to have gone through all before it, so a program that goes on with
// the right line after a power cut has lost nothing.
#include "userland/runtime/format.hpp"
#include "userland/runtime/log.hpp"
#include "userland/runtime/program.hpp"
#include "userland/runtime/system_objects.hpp"

#include <bit>

namespace perdure {

namespace {

constexpr unsigned cell_count = 64;  // the leftmost is the highest bit
constexpr uint64_t one_cell = uint64_t{1} << cell_count / 2;
constexpr uint64_t step_ns = 250'000'000;
constexpr ClockCapability clock{registers::clock};

// A cell lives on if exactly one of these does: its left neighbour; itself or its right one.
constexpr uint64_t successor(uint64_t cells) {
  return std::rotr(cells, 1) ^ (cells | std::rotl(cells, 1));
}

void show(uint64_t generation, uint64_t cells) {
  TextBuffer<Log::line_length_max> line;
  line << "life" << Padded{generation, 7} << "  ";
  for (unsigned i = cell_count; i-- > 0;) line << (cells >> i & 1 ? '#' : ' ');
  write_log(line.text());
}

// Steps are so far apart; a game that was held up does not hurry to catch up.
Answer<uint64_t> wait_for_step(uint64_t last_ns) {
  const auto now = clock.wait_until(last_ns + step_ns);
  if (!now) return std::unexpected(now.error());
  return *now < last_ns + 2 * step_ns ? last_ns + step_ns : *now;
}

}  // namespace

void program(uint64_t) {
  uint64_t generation = 0;
  uint64_t cells = one_cell;
  Answer<uint64_t> step = 0;
  while (step) {
    show(generation, cells);
    step = wait_for_step(*step);
    ++generation;
    cells = successor(cells);
  }
}

}  // namespace perdure
