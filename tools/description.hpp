// SPDX-License-Identifier: MIT
//
// What an image description says (the format is stated in description.md), as plain data. Names
// are not yet replaced by objects: that is the builder's work, which may rely on
// check_description having found every name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perdure {

// A name that refers to a section, and the line that does so. Empty: nothing was said.
struct Reference {
  std::string name;
  int line = 0;
  bool is_given() const { return !name.empty(); }
};

struct CapabilityDescription {
  enum class What : uint8_t {
    void_capability, number, range_all, process, space, endpoint, entry, notice, schedule,
    wrapper, wrapped, bank, recipes, checkpoint, devices, clock, discriminator,
  };
  What what = What::void_capability;
  std::string name;          // of the section it names, if any
  uint64_t number = 0;       // of a number; payload of an entry; restrictions of a bank
  uint8_t restrictions = 0;  // of memory
  int line = 0;
};

struct ProgramDescription {
  std::string name;
  int line = 0;
  std::string file;  // in the directory of programs
};

struct ScheduleDescription {
  std::string name;
  int line = 0;
  uint8_t priority = 0;
  std::optional<uint8_t> ceiling;  // absent: the priority
  uint64_t slice_ns = 0;  // 0: the kernel's default
};

struct BankDescription {
  std::string name;
  int line = 0;
  Reference parent;               // absent: the root bank
  std::optional<uint64_t> limit;  // frames; absent: none but the parent's
};

struct EndpointDescription {
  std::string name;
  int line = 0;
  Reference receiver;
  uint64_t id = 0;
  Reference bank;
};

struct NoticeDescription {
  std::string name;
  int line = 0;
  Reference receiver;
  uint64_t bits = 0;
  Reference bank;
};

struct WrapperDescription {
  std::string name;
  int line = 0;
  CapabilityDescription target;
  uint64_t payload = 0;
  bool hand_over = false;
  Reference bank;
};

// Not `receiving`: a process that waits for messages has run up to its system call.
enum class InitialState : uint8_t { running, stopped };

struct ProcessDescription {
  std::string name;
  int line = 0;
  Reference program;
  Reference bank;
  Reference schedule;
  InitialState state = InitialState::running;
  uint64_t argument = 0;
  uint64_t stack_frames = 4;
  uint64_t arena_frames = 0;
  bool has_books = false;  // the arena holds the bank's books
  Reference bank_endpoint; // then: where bank capabilities lead
  CapabilityDescription keeper, space_keeper, pocket, brand;
  std::map<unsigned, CapabilityDescription> registers;
};

struct RecipeDescription {
  std::string name;
  int line = 0;
  Reference program;
  Reference schedule;
  uint64_t stack_frames = 4;
  std::optional<uint64_t> least_frames;
};

struct ImageDescription {
  std::string file_name;  // for messages
  uint64_t interval_ns = 5'000'000'000;
  std::vector<ProgramDescription> programs;
  std::vector<ScheduleDescription> schedules;
  std::vector<BankDescription> banks;
  std::vector<EndpointDescription> endpoints;
  std::vector<NoticeDescription> notices;
  std::vector<WrapperDescription> wrappers;
  std::vector<ProcessDescription> processes;
  std::vector<RecipeDescription> recipes;
};

// Both throw ToolError(usage, "FILE:LINE: message"). parse_description ends with the check.
ImageDescription parse_description(std::string file_name, std::string_view text);
void check_description(const ImageDescription&);
[[noreturn]] void description_error(const std::string& file_name, int line, const std::string& message);

// The section of that name, or null.
template <typename Section>
const Section* find_named(const std::vector<Section>& sections, std::string_view name) {
  for (const Section& section : sections) {
    if (section.name == name) return &section;
  }
  return nullptr;
}

}  // namespace perdure
