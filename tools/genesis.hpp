// SPDX-License-Identifier: MIT
//
// Generation 0, from a description: makes every object, sets up every process as program_start
// would in the running system, and fills in the capabilities. Objects first, contents after, so
// that names may be used in any order. The bank's books are copied into their arena at the very
// end, when nothing is bought any more.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/system_state.hpp"
#include "tools/description.hpp"
#include "tools/genesis_banks.hpp"
#include "tools/new_image.hpp"
#include "tools/program_pages.hpp"

namespace perdure {

// The bytes of a program file by its name. Throws ToolError.
using ReadProgramFile = std::function<std::vector<std::byte>(const std::string& file)>;

class Genesis {
 public:
  Genesis(NewImage&, const ImageDescription&, const ReadProgramFile&);

  // Once.
  SystemState build();
  uint32_t bank_count() const { return banks_.bank_count(); }

 private:
  struct Program {
    ProgramPages pages;
    Capability text;  // void until it is needed
  };
  struct BuiltProcess {
    Capability control;
    Capability root;   // the node of its program's regions
    Capability space;  // the root, or what stands above it for an arena
    Capability activity;
    std::vector<Capability> arena;
  };

  void make_objects();
  void make_process(const ProcessDescription&);
  void make_arena(const ProcessDescription&, GenesisSpaces&, BuiltProcess&);
  Capability make_recipe(const RecipeDescription&);

  void fill_objects();
  void fill_process(const ProcessDescription&);
  void fill_activity(const ProcessDescription&, const BuiltProcess&);
  void fill_arenas();
  void link_restart_list();

  const Capability& text_of(const std::string& program);
  Capability resolve(const CapabilityDescription&);

  NewImage& image_;
  const ImageDescription& description_;
  GenesisBanks banks_;
  SystemState system_;
  std::map<std::string, Program> programs_;
  std::map<std::string, Capability> schedules_, endpoints_, notices_, wrappers_;
  std::map<std::string, BuiltProcess> processes_;
  Capability recipes_;
};

}  // namespace perdure
