// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "tools/commands.hpp"
#include "tools/image_view.hpp"

namespace perdure {
namespace {

// A store keeps one generation today: the newest, in the log until it is migrated.
ExitStatus show(const ReadOptions& options) {
  const ImageFile file(options.path);
  const ImageView view(file);
  const Root& root = view.root();
  if (options.json) {
    const nlohmann::json json = {{{"generation", root.newest_generation.value},
                                  {"parent", root.parent_generation.value},
                                  {"wall_seconds", root.system.wall_seconds},
                                  {"frames", root.generation_frames},
                                  {"in_log", root.is_in_log()}}};
    fmt::print("{}\n", json.dump(2));
  } else {
    fmt::print("generation {}  {}  {} frames  {}\n", root.newest_generation.value,
               describe_wall_time(root.system.wall_seconds), root.generation_frames,
               root.is_in_log() ? "in the log" : "at home");
  }
  return ExitStatus::ok;
}

}  // namespace

void add_generations(CLI::App& image, Action& action) {
  CLI::App* verb = image.add_subcommand("generations", "the checkpoints that can be continued from");
  const auto options = std::make_shared<ReadOptions>();
  options->add_to(*verb);
  verb->callback([&action, options] { action = [options] { return show(*options); }; });
}

}  // namespace perdure
