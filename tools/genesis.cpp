// SPDX-License-Identifier: MIT
#include "tools/genesis.hpp"

#include <algorithm>
#include <cstring>

#include "spacebank/interface.hpp"
#include "tools/tool_error.hpp"
#include "userland/runtime/layout.hpp"
#include "userland/runtime/recipe.hpp"

namespace perdure {
namespace {

using What = CapabilityDescription::What;

// Interrupts on, and the bit that is always set.
constexpr uint64_t initial_rflags = 0x202;
constexpr Reference root_bank{};

Capability plain(CapabilityType type) { return {.type = type}; }

Capability as(CapabilityType type, Capability control, uint64_t payload = 0) {
  control.type = type;
  control.payload = payload;
  return control;
}

uint64_t name_word(const std::string& name, unsigned word) {
  uint64_t value = 0;
  const size_t start = word * sizeof(value);
  if (start < name.size()) {
    std::memcpy(&value, name.data() + start, std::min(sizeof(value), name.size() - start));
  }
  return value;
}

}  // namespace

Genesis::Genesis(NewImage& image, const ImageDescription& description, const ReadProgramFile& read)
    : image_(image), description_(description), banks_(image, description) {
  for (const ProgramDescription& program : description_.programs) {
    programs_[program.name].pages = read_program(program.file, read(program.file));
  }
}

SystemState Genesis::build() {
  make_objects();
  fill_objects();
  link_restart_list();
  fill_arenas();
  return system_;
}

void Genesis::make_objects() {
  for (const auto& s : description_.schedules) schedules_[s.name] = banks_.buy(root_bank, Kind::schedule);
  for (const auto& e : description_.endpoints) endpoints_[e.name] = banks_.buy(e.bank, Kind::endpoint);
  for (const auto& n : description_.notices) notices_[n.name] = banks_.buy(n.bank, Kind::notice);
  for (const auto& w : description_.wrappers) wrappers_[w.name] = banks_.buy(w.bank, Kind::wrapper);
  for (const auto& p : description_.processes) make_process(p);
  if (description_.recipes.empty()) return;
  recipes_ = banks_.buy(root_bank, Kind::capability_page);
  for (unsigned i = 0; i < description_.recipes.size(); ++i) {
    if (i == capabilities_per_page) {
      description_error(description_.file_name, description_.recipes[i].line,
                        "more than " + std::to_string(capabilities_per_page) + " recipes");
    }
    image_.slot(recipes_, i) = make_recipe(description_.recipes[i]);
  }
}

const Capability& Genesis::text_of(const std::string& name) {
  Program& program = programs_.at(name);
  if (program.text.is_void()) {
    program.text = GenesisSpaces(image_, banks_.buyer(root_bank)).new_text_node(program.pages);
  }
  return program.text;
}

void Genesis::make_process(const ProcessDescription& from) {
  BuiltProcess built;
  GenesisSpaces space(image_, banks_.buyer(from.bank));
  built.control = banks_.buy(from.bank, Kind::process);
  if (from.state == InitialState::running) built.activity = banks_.buy(from.bank, Kind::activity);
  built.root = space.new_root();
  image_.object<Node>(built.root).slots[layout::text_slot] = text_of(from.program.name);
  const bool has_space_keeper = from.space_keeper.what != What::void_capability;
  space.add_data(built.root, programs_.at(from.program.name).pages, !has_space_keeper);
  space.add_stack(built.root, from.stack_frames);
  make_arena(from, space, built);
  processes_[from.name] = built;
}

void Genesis::make_arena(const ProcessDescription& from, GenesisSpaces& space, BuiltProcess& built) {
  const uint64_t count = from.has_books ? banks_.books().size() / frame_bytes : from.arena_frames;
  if (count > layout::arena_bytes_max / frame_bytes) {
    description_error(description_.file_name, from.line,
                      "the arena of '" + from.name + "' is larger than " +
                          std::to_string(layout::arena_bytes_max / frame_bytes) + " frames");
  }
  built.space = count > 0 ? space.new_arena_root(built.root) : built.root;
  for (uint64_t i = 0; i < count; ++i) {
    built.arena.push_back(banks_.buy(from.bank, Kind::page));
    space.add_arena_page(built.space, i, built.arena.back());
  }
}

Capability Genesis::make_recipe(const RecipeDescription& from) {
  if (from.name.size() > recipe::name_length_max) {
    description_error(description_.file_name, from.line,
                      "the name of a recipe has at most " + std::to_string(recipe::name_length_max) +
                          " characters");
  }
  const ProgramPages& pages = programs_.at(from.program.name).pages;
  const Capability page = banks_.buy(root_bank, Kind::capability_page);
  const auto set = [&](unsigned slot, const Capability& value) { image_.slot(page, slot) = value; };
  const auto set_number = [&](unsigned slot, uint64_t value) { set(slot, number_capability(value)); };
  set_number(recipe::revision_slot, recipe::revision_word);
  for (unsigned i = 0; i < recipe::name_slot_count; ++i) {
    set_number(recipe::name_slot + i, name_word(from.name, i));
  }
  set_number(recipe::entry_point_slot, pages.entry);
  set(recipe::text_slot, text_of(from.program.name));
  set_number(recipe::template_count_slot, pages.data.size());
  set_number(recipe::data_pages_slot, pages.data_pages);
  set_number(recipe::stack_pages_slot, from.stack_frames);
  set_number(recipe::least_limit_slot, from.least_frames.value_or(0));
  set_number(recipe::checksum_slot, pages.checksum);
  if (from.schedule.is_given()) set(recipe::schedule_slot, schedules_.at(from.schedule.name));
  GenesisSpaces space(image_, banks_.buyer(root_bank));
  for (unsigned i = 0; i < pages.data.size(); ++i) {
    Capability data = space.new_page(pages.data[i]);
    data.restrictions = restriction::read_only | restriction::no_execute;
    set(recipe::first_template_slot + i, data);
  }
  Capability readable = page;
  readable.restrictions = restriction::read_only;
  return readable;
}

void Genesis::fill_objects() {
  for (const auto& p : description_.processes) {
    if (!p.has_books) continue;
    const Capability& endpoint = endpoints_.at(p.bank_endpoint.name);
    banks_.lead_to(as(CapabilityType::entry, endpoint, bank_entry_payload));
  }
  for (const auto& s : description_.schedules) {
    Schedule& schedule = image_.object<Schedule>(schedules_.at(s.name));
    schedule.priority = s.priority;
    schedule.ceiling = s.ceiling.value_or(s.priority);
    schedule.slice_ns = s.slice_ns;
  }
  for (const auto& e : description_.endpoints) {
    Endpoint& endpoint = image_.object<Endpoint>(endpoints_.at(e.name));
    endpoint.id = e.id;
    if (!e.receiver.is_given()) continue;
    endpoint.receiver = processes_.at(e.receiver.name).control;
    endpoint.flags = Endpoint::flag_had_receiver;
  }
  for (const auto& n : description_.notices) {
    Notice& notice = image_.object<Notice>(notices_.at(n.name));
    notice.bits = n.bits;
    if (n.receiver.is_given()) notice.receiver = processes_.at(n.receiver.name).control;
  }
  for (const auto& w : description_.wrappers) {
    const Capability target = resolve(w.target);
    Wrapper& wrapper = image_.object<Wrapper>(wrappers_.at(w.name));
    wrapper.target = target;
    wrapper.payload = w.payload;
    if (w.hand_over) wrapper.flags = Wrapper::flag_hand_over;
  }
  for (const auto& p : description_.processes) fill_process(p);
}

void Genesis::fill_process(const ProcessDescription& from) {
  const BuiltProcess& built = processes_.at(from.name);
  Process& process = image_.object<Process>(built.control);
  process.registers.rip = programs_.at(from.program.name).pages.entry;
  process.registers.rsp = layout::initial_stack_pointer;
  process.registers.rdi = from.argument;
  process.registers.rflags = initial_rflags;
  process.space = built.space;
  process.keeper = resolve(from.keeper);
  process.brand = resolve(from.brand);
  if (from.schedule.is_given()) process.schedule = schedules_.at(from.schedule.name);
  for (const auto& [number, c] : from.registers) process.capability_registers[number] = resolve(c);
  Node& root = image_.object<Node>(built.root);
  root.keeper = resolve(from.space_keeper);
  root.slots[layout::pocket_slot] = resolve(from.pocket);
  fill_activity(from, built);
}

// ONE-ACTIVITY: bound and runnable exactly if the process runs.
void Genesis::fill_activity(const ProcessDescription& from, const BuiltProcess& built) {
  if (from.state != InitialState::running) return;
  Process& process = image_.object<Process>(built.control);
  process.control.state = ProcessState::running;
  process.control.activity = built.activity;
  Activity& activity = image_.object<Activity>(built.activity);
  activity.process = built.control.object;
  activity.process_version = built.control.version;
  activity.runnable = 1;
  activity.ticket = system_.next_ticket++ & ticket_mask;
}

void Genesis::link_restart_list() {
  RowHeader* last = nullptr;
  FrameNumber last_number;
  for (const auto& [number, frame] : image_.frames()) {
    if (frame->identity.kind != Kind::activity) continue;
    auto* header = reinterpret_cast<RowHeader*>(frame->bytes.data());
    header->previous = last_number;
    (last ? last->next : system_.first_activity_row) = number;
    last = header;
    last_number = number;
  }
  system_.last_activity_row = last_number;
}

void Genesis::fill_arenas() {
  for (const ProcessDescription& process : description_.processes) {
    if (!process.has_books) continue;
    const std::span<const std::byte> books = banks_.books();
    const std::vector<Capability>& arena = processes_.at(process.name).arena;
    for (size_t i = 0; i < arena.size(); ++i) {
      std::memcpy(image_.frame(arena[i].object.frame()).bytes.data(),
                  books.data() + i * frame_bytes, frame_bytes);
    }
  }
}

Capability Genesis::resolve(const CapabilityDescription& c) {
  Capability capability;
  switch (c.what) {
    case What::void_capability: break;
    case What::number: return number_capability(c.number);
    case What::range_all:
      return {.type = CapabilityType::range, .payload = image_.frame_count()};
    case What::process: return processes_.at(c.name).control;
    case What::space: capability = processes_.at(c.name).space; break;
    case What::endpoint: return endpoints_.at(c.name);
    case What::entry: return as(CapabilityType::entry, endpoints_.at(c.name), c.number);
    case What::notice: return notices_.at(c.name);
    case What::schedule: return schedules_.at(c.name);
    case What::wrapper: return wrappers_.at(c.name);
    case What::wrapped: capability = as(CapabilityType::wrapped, wrappers_.at(c.name)); break;
    case What::bank: return banks_.facet(c.name, c.number);
    case What::recipes: capability = recipes_; break;
    case What::checkpoint: return plain(CapabilityType::checkpoint);
    case What::devices: return plain(CapabilityType::devices);
    case What::clock: return plain(CapabilityType::clock);
    case What::discriminator: return plain(CapabilityType::discriminator);
  }
  capability.restrictions |= c.restrictions;
  return capability;
}

}  // namespace perdure
