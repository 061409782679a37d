// SPDX-License-Identifier: MIT
//
// Tries to have `image list` tell a wrong program, or read where nothing is: recipes that a program made,
// that are torn or renamed, spaces and texts that are not what they say.
#include <catch2/catch.hpp>

#include "spacebank/interface.hpp"
#include "test/unit/tools/built_image.hpp"
#include "tools/new_image_reader.hpp"
#include "tools/program_names.hpp"
#include "userland/runtime/layout.hpp"
#include "userland/runtime/recipe.hpp"

using namespace perdure;
using perdure::test::BuiltImage;

namespace {

// A process that runs from the recipe's text, as program_start makes one; and that recipe.
struct Started {
  Started() {
    recipe = built.image.slot(worker().capability_registers[6], 0);
    root().slots[layout::text_slot] = slot(recipe::text_slot);
  }
  Process& worker() { return built.object<Process>(Kind::process, 1); }
  Node& root() { return built.image.object<Node>(worker().space); }
  Capability& slot(unsigned index) { return built.image.slot(recipe, index); }
  std::string name() {
    const NewImageReader reader(built.image, built.system);
    return ProgramNames(reader).of(worker());
  }

  BuiltImage built;
  Capability recipe;
};

}  // namespace

TEST_CASE("a program is named by the recipe whose text it runs") {
  Started started;
  CHECK(started.name() == "idle");
  started.root().slots[layout::text_slot] = {};
  CHECK(started.name() == "");
}

TEST_CASE("a recipe for which a program has paid is not believed") {
  Started started;
  started.built.image.frame(started.recipe.object.frame()).identity.account = Account{2};
  CHECK(started.name() == "");
}

TEST_CASE("a name does nothing to a terminal, and is text") {
  Started started;
  started.slot(recipe::name_slot).payload = 0xc3'41'0a'7f'07'42'1b'9b;  // from the lowest byte on
  started.slot(recipe::name_slot + 1).payload = 0x43;
  CHECK(started.name() == "??B???A?C");
}

TEST_CASE("a name without an end ends with its slots") {
  Started started;
  for (unsigned i = 0; i < recipe::name_slot_count; ++i) {
    started.slot(recipe::name_slot + i).payload = 0x4141'4141'4141'4141;
  }
  CHECK(started.name() == std::string(recipe::name_length_max, 'A'));
}

TEST_CASE("what is not as it must be names no program") {
  const std::function<void(Started&)> changes[] = {
      [](Started& s) { s.slot(recipe::revision_slot).payload ^= 1; },
      [](Started& s) { s.slot(recipe::revision_slot).type = CapabilityType::clock; },
      [](Started& s) { s.slot(recipe::text_slot) = s.root().slots[layout::text_slot] = {}; },
      [](Started& s) { s.slot(recipe::text_slot).type = static_cast<CapabilityType>(200); },
      [](Started& s) { s.slot(recipe::checksum_slot).type = static_cast<CapabilityType>(200); },
      [](Started& s) { ++s.root().slots[layout::text_slot].version.value; },
      [](Started& s) { ++s.worker().space.version.value; },
      [](Started& s) { s.worker().space = {}; },
      [](Started& s) { s.worker().space.object = ObjectId::of({1u << 30}); },
      [](Started& s) { s.worker().space.object = ObjectId::of(s.worker().space.object.frame(), 63); },
      [](Started& s) { s.worker().space.object = s.recipe.object; },
      [](Started& s) { s.worker().space.type = CapabilityType::wrapped; },
      [](Started& s) { s.worker().space = s.recipe; },
  };
  for (unsigned i = 0; i < std::size(changes); ++i) {
    CAPTURE(i);
    Started started;
    changes[i](started);
    CHECK(started.name() == "");
  }
}
