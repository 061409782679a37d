// SPDX-License-Identifier: MIT
#include "userland/runtime/heap.hpp"
#include "userland/runtime/layout.hpp"

namespace perdure {

namespace {

Heap heap(std::span<std::byte>(reinterpret_cast<std::byte*>(layout::heap_start),
                               layout::heap_end - layout::heap_start));

}  // namespace

Heap& program_heap() { return heap; }

}  // namespace perdure
