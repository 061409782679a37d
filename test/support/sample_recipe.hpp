// SPDX-License-Identifier: MIT
//
// A recipe as the image builder makes it (userland/runtime/recipe.hpp), in the fake world.
#pragma once

#include <cstring>
#include <string_view>

#include "test/support/fake_userland_kernel.hpp"
#include "userland/runtime/interface.hpp"
#include "userland/runtime/layout.hpp"
#include "userland/runtime/recipe.hpp"

namespace perdure {

struct SampleRecipe {
  std::string_view name = "counter";
  unsigned templates = 2;
  unsigned data_pages = 3;
  unsigned stack_pages = 2;
};

inline FakeCapability make_recipe(FakeUserlandKernel& kernel, const SampleRecipe& sample) {
  FakeCapability page = kernel.make(CapabilityType::capability_page);
  auto& slots = page.object->slots;
  const Word name = Word::of(sample.name);
  uint64_t name_words[2];
  std::memcpy(name_words, name.characters, sizeof(name_words));
  slots[recipe::revision_slot] = FakeUserlandKernel::number(recipe::revision_word);
  slots[recipe::name_slot] = FakeUserlandKernel::number(name_words[0]);
  slots[recipe::name_slot + 1] = FakeUserlandKernel::number(name_words[1]);
  slots[recipe::entry_point_slot] = FakeUserlandKernel::number(0x400010);
  FakeCapability text = kernel.make(CapabilityType::node);
  text.payload = layout::text_guard(0);
  text.restrictions = restriction::read_only;
  text.object->slots[0] = kernel.make(CapabilityType::page);
  slots[recipe::text_slot] = text;
  slots[recipe::template_count_slot] = FakeUserlandKernel::number(sample.templates);
  slots[recipe::data_pages_slot] = FakeUserlandKernel::number(sample.data_pages);
  slots[recipe::stack_pages_slot] = FakeUserlandKernel::number(sample.stack_pages);
  slots[recipe::least_limit_slot] = FakeUserlandKernel::number(0);
  slots[recipe::checksum_slot] = FakeUserlandKernel::number(1);
  for (unsigned i = 0; i < sample.templates; ++i) {
    FakeCapability data = kernel.make(CapabilityType::page);
    data.object->bytes.fill(static_cast<std::byte>(i + 1));
    data.restrictions = restriction::read_only;
    slots[recipe::first_template_slot + i] = data;
  }
  page.restrictions = restriction::read_only;
  return page;
}

}  // namespace perdure
