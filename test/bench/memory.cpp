// SPDX-License-Identifier: MIT
//
// What an access to memory costs when it faults: a translation that was dropped, a page that a
// keeper supplies, the first write after a snapshot.
//
// The client's own space has a window of one table (512 pages), made of nodes without a keeper,
// and a second one of leaf nodes with the pager as their keeper.
#include "test/bench/snapshot.hpp"
#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/layout.hpp"

namespace perdure {
namespace {

constexpr BankCapability bank{{9}};
constexpr NodeCapability own_space{{10}};
constexpr CapabilityRegister pager{11};
constexpr CapabilityRegister helper{12};
constexpr NodeCapability leaf{{13}};
constexpr NodeCapability middle{{14}};
constexpr NodeCapability window{{15}};
constexpr CapabilityRegister page{16};
constexpr CapabilityRegister nobody = registers::nothing;

constexpr unsigned window_pages = 512;
constexpr unsigned supplied_pages = 256;
constexpr uint8_t window_slot_size = 8;   // 16 slots of 256 pages: fills the root's slot
constexpr uint64_t supplied_start = layout::window_start + (1 << 20) * 8;

void buy(Kind kind, CapabilityRegister into) { bench::must(bank.allocate(kind, into), "buying"); }

void buy_node(NodeCapability node, uint8_t slot_size) {
  buy(Kind::node, node.at);
  bench::must(node.set({.slot_size = slot_size, .flags = 0}), "a node's slots");
}

// 16 pages; `keeper` supplies them if they are not there.
void build_leaf(bool with_pages, CapabilityRegister keeper) {
  buy_node(leaf, 0);
  if (!keeper.is_void()) bench::must(leaf.set_keeper(keeper), "a leaf's keeper");
  for (unsigned slot = 0; with_pages && slot < node_slot_count; ++slot) {
    buy(Kind::page, page);
    bench::must(leaf.store(slot, page), "a page in its leaf");
  }
}

void build_pages(unsigned first_slot, unsigned pages, bool with_pages, CapabilityRegister keeper) {
  for (unsigned done = 0; done < pages; done += node_slot_count) {
    const unsigned slot = done / node_slot_count % node_slot_count;
    if (slot == 0) {
      buy_node(middle, node_slot_bits);
      const unsigned place = first_slot + done / (node_slot_count * node_slot_count);
      bench::must(window.store(place, middle.at), "a middle node in the window");
    }
    build_leaf(with_pages, keeper);
    bench::must(middle.store(slot, leaf.at), "a leaf in its middle node");
  }
}

void build_window() {
  buy_node(window, window_slot_size);
  bench::must(own_space.store(layout::window_slot, window.at), "the window in the space");
  build_pages(0, window_pages, true, nobody);
  build_pages(8, supplied_pages, false, pager);
}

volatile uint64_t& word_in(uint64_t start, unsigned number) {
  return *reinterpret_cast<volatile uint64_t*>(start + number * layout::page_bytes);
}

void read(uint64_t start, unsigned number) {
  [[maybe_unused]] const uint64_t seen = word_in(start, number);
}

void write_all() {
  for (unsigned i = 0; i < window_pages; ++i) word_in(layout::window_start, i) = i;
}

// Changing a slot that a walk has used drops every translation; what is read stays in memory. The
// second half is measured, when the tables above and the program's own pages are there again.
void measure_rebuilding() {
  write_all();
  bench::must(window.fetch(0, middle.at), "a middle node");
  bench::must(window.store(0, middle.at), "the same one again");
  for (unsigned i = 0; i < window_pages / 2; ++i) read(layout::window_start, i);
  uint64_t spent[window_pages / 2];
  for (unsigned i = 0; i < window_pages / 2; ++i) {
    spent[i] = bench::instructions_of(i == 16 ? "fault_rebuild" : "warm_up", [i] {
      read(layout::window_start, window_pages / 2 + i);
    });
  }
  bench::tell("fault_rebuild", bench::median(spent));
}

void measure_keeper() {
  buy(Kind::page, page);
  (void)fast_call(pager, {}, {.sent = page});
  uint64_t spent[supplied_pages];
  for (unsigned i = 0; i < supplied_pages; ++i) {
    spent[i] = bench::instructions_of(i == 16 ? "fault_keeper" : "warm_up",
                                      [i] { read(supplied_start, i); });
  }
  bench::tell("fault_keeper", bench::median(spent));
}

// What is beyond the copy of the page. The pages share one table.
void measure_first_writes() {
  constexpr unsigned last = window_pages - 1;
  const uint64_t very_first = bench::first_write_after_snapshot(
      "first_write_very_first", helper, word_in(layout::window_start, last));
  uint64_t spent = 0;
  for (unsigned i = 0; i < last; ++i) {
    spent += bench::instructions_of("first_write_extra",
                                    [i] { word_in(layout::window_start, i) = i; });
  }
  bench::tell("first_write_very_first", very_first - bench::words_of_a_page);
  bench::tell("first_write_extra", spent - bench::words_of_a_page * last, last);
}

}  // namespace

void program(uint64_t) {
  bench::begin();
  build_window();
  measure_rebuilding();
  measure_keeper();
  bench::must(bench::checkpoint.take(), "a checkpoint");
  bench::await_home();
  write_all();
  measure_first_writes();
  bench::finish();
}

}  // namespace perdure
