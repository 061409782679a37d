// SPDX-License-Identifier: MIT
#include "userland/runtime/program_start.hpp"

namespace perdure {

namespace {

constexpr uint64_t initial_flags = 0x202;  // interrupts on

// One start: the registers it works in, and the steps. Each step assumes those before it.
class Starting {
 public:
  Starting(const ProgramStart& start, const RecipeSummary& recipe)
      : start_(start), recipe_(recipe) {}

  Answer<> build() {
    Answer<> done = buy_objects();
    if (done) done = build_root();
    if (done) done = fill_data();
    if (done) done = fill_stack();
    if (done) done = set_up_process();
    if (done) done = set_up_endpoint();
    if (done) done = process().start(activity());
    return done;
  }

 private:
  const ProgramStart& start_;
  const RecipeSummary& recipe_;

  CapabilityRegister scratch(unsigned i) const {
    return {static_cast<uint8_t>(start_.first_scratch + i)};
  }
  NodeCapability root() const { return {scratch(0)}; }
  CapabilityRegister activity() const { return scratch(1); }
  EndpointCapability endpoint() const { return {scratch(2)}; }
  CapabilityRegister passing() const { return scratch(3); }
  SpaceRegisters space_registers() const { return {scratch(4).number}; }
  BankCapability bank() const { return {start_.bank_into}; }
  ProcessCapability process() const { return {start_.process_into}; }
  SpaceBuilder space() const {
    return {.bank = bank(),
            .discriminator = start_.discriminator,
            .root = root(),
            .registers = space_registers()};
  }

  Answer<> buy_objects() {
    Answer<> done = bank().allocate(Kind::process, process().at);
    if (done) done = bank().allocate(Kind::activity, activity());
    if (done) done = bank().allocate(Kind::endpoint, endpoint().at);
    if (done) done = bank().allocate(Kind::node, root().at);
    return done;
  }

  Answer<> build_root() {
    Answer<> done = root().set({.slot_size = layout::root_slot_size, .flags = layout::root_flags});
    if (done) done = root().set_keeper(start_.space_keeper);
    if (done) done = start_.recipe.fetch(recipe::text_slot, passing());
    if (done) done = root().store(layout::text_slot, passing());
    if (done) done = bank().reduce(pocket_bank_restrictions, passing());
    if (done) done = root().store(layout::pocket_slot, passing());
    return done;
  }

  Answer<> fill_data() {
    for (unsigned i = 0; i < recipe_.template_count; ++i) {
      Answer<> done = space().place_new_page(layout::data_start + i * layout::page_bytes);
      if (done) done = start_.recipe.fetch(recipe::first_template_slot + i, passing());
      if (done) done = PageCapability{space_registers().page()}.copy_from({passing()});
      if (!done) return done;
    }
    return {};
  }

  Answer<> fill_stack() {
    if (recipe_.stack_pages == 0) return {};
    const uint64_t stack_bytes = recipe_.stack_pages * layout::page_bytes;
    return space().place_first_pages(layout::stack_end - stack_bytes, recipe_.stack_pages);
  }

  Answer<> set_up_process() {
    Registers values;
    values.rip = recipe_.entry_point;
    values.rsp = layout::initial_stack_pointer;
    values.rdi = start_.argument;
    values.rflags = initial_flags;
    Answer<> done = process().set_registers(values);
    if (done) done = process().store(process_slot::space, root().at);
    if (done) done = process().store(process_slot::schedule, start_.schedule);
    if (done) done = bank().reduce(own_bank_restrictions, passing());
    if (done) done = process().store(registers::bank.number, passing());
    if (done) done = process().store(registers::endpoint.number, endpoint().at);
    if (done) done = process().store(registers::log.number, start_.log);
    if (done) done = process().store(registers::clock.number, start_.clock);
    if (done) done = process().store(registers::space.number, root().at);
    if (done) done = process().store(registers::discriminator.number, start_.discriminator.at);
    return done;
  }

  Answer<> set_up_endpoint() {
    Answer<> done = endpoint().set_receiver(process());
    if (done) done = endpoint().entry(0, start_.entry_into);
    return done;
  }
};

}  // namespace

Expected<StartedProgram, StartError> start_program(const ProgramStart& start) {
  const auto summary = read_recipe(start.recipe, start.entry_into);
  if (!summary) return std::unexpected(StartError{summary.error()});
  if (start.limit < summary->least_limit) {
    return std::unexpected(StartError{Result::limit_reached, summary->least_limit});
  }
  const auto account = start.parent.create_sub_bank(start.limit, start.bank_into);
  if (!account) return std::unexpected(StartError{account.error(), summary->least_limit});
  if (auto built = Starting(start, *summary).build(); !built) {
    (void)BankCapability{start.bank_into}.destroy();
    return std::unexpected(StartError{built.error(), summary->least_limit});
  }
  return StartedProgram{.account = *account, .program_name = summary->name};
}

}  // namespace perdure
