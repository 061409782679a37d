// SPDX-License-Identifier: MIT
#include "userland/demo/instance.hpp"

namespace perdure {

bool find_recipe(Stage& stage, std::string_view program) {
  constexpr CapabilityRegister scratch = work_register(first_register_after_instance);
  for (unsigned i = 0; i < capabilities_per_page; ++i) {
    if (!stage.done(demo_register::recipes.fetch(i, instance_recipe.at),
                    "looking for a recipe")) {
      return false;
    }
    const auto summary = read_recipe(instance_recipe, scratch);
    if (!summary) break;
    if (summary->name.view() == program) return true;
  }
  return stage.fail("there is no program ", program);
}

bool start_instance(Stage& stage, uint64_t limit) {
  const auto started = start_program({.parent = own_bank,
                                      .limit = limit,
                                      .recipe = instance_recipe,
                                      .discriminator = demo_register::discriminator,
                                      .space_keeper = demo_register::space_keeper,
                                      .schedule = demo_register::schedule.at,
                                      .clock = demo_register::clock.at,
                                      .first_scratch = work_register(first_register_after_instance).number,
                                      .bank_into = instance_bank.at,
                                      .entry_into = instance_entry,
                                      .process_into = instance_process.at});
  return started || stage.fail("a program is not started: ", name_of(started.error().result));
}

}  // namespace perdure
