// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "objects/process.hpp"
#include "tools/commands.hpp"
#include "tools/image_view.hpp"
#include "tools/quantity.hpp"

namespace perdure {
namespace {

struct Census {
  std::map<Kind, uint64_t> frames;
  uint64_t processes_running = 0;
};

Census count_frames(const ImageView& view) {
  Census census;
  for (uint64_t n = 0; n < view.frontier(); ++n) {
    const Kind kind = view.identity({n}).kind;
    if (kind == Kind::empty) continue;
    ++census.frames[kind];
    const std::byte* bytes = kind == Kind::process ? view.bytes({n}) : nullptr;
    if (bytes && reinterpret_cast<const Process*>(bytes)->control.state != ProcessState::stopped) {
      ++census.processes_running;
    }
  }
  return census;
}

uint64_t total(const Census& census) {
  uint64_t sum = 0;
  for (const auto& [kind, count] : census.frames) sum += count;
  return sum;
}

void print_json(const ImageFile& file, const ImageView& view, const Census& census) {
  const Root& root = view.root();
  nlohmann::json kinds = nlohmann::json::object();
  for (const auto& [kind, count] : census.frames) kinds[std::string(info(kind).name)] = count;
  const nlohmann::json json = {
      {"store_id", fmt::format("{:016x}", root.store_id)},
      {"format", root.format},
      {"generation", root.newest_generation.value},
      {"parent_generation", root.parent_generation.value},
      {"generation_frames", root.generation_frames},
      {"in_log", root.is_in_log()},
      {"wall_seconds", root.system.wall_seconds},
      {"machine_time_ns", root.system.machine_time_ns},
      {"boots", root.boots},
      {"boot_identity", fmt::format("{:016x}", root.boot_identity)},
      {"power_cuts", root.power_cuts},
      {"boots_since_commit", root.boots_since_commit},
      {"clean", root.clean != 0},
      {"interval_ms", root.interval_ms},
      {"disk_bytes", root.geometry.disk_blocks * block_bytes},
      {"allocated_bytes", file.allocated_bytes()},
      {"log_bytes", root.geometry.log_blocks() * block_bytes},
      {"frames", root.geometry.frames},
      {"frames_used", total(census)},
      {"frames_by_kind", kinds},
      {"processes_started", census.processes_running}};
  fmt::print("{}\n", json.dump(2));
}

void print_text(const ImageFile& file, const ImageView& view, const Census& census) {
  const Root& root = view.root();
  const auto line = [](const char* name, const std::string& value) { fmt::print("{:<12} {}\n", name, value); };
  line("store", fmt::format("{:016x}, format {}", root.store_id, root.format));
  line("generation", fmt::format("{} ({}), {} frames, {}", root.newest_generation.value,
                                 describe_wall_time(root.system.wall_seconds), root.generation_frames,
                                 root.is_in_log() ? "in the log" : "at home"));
  line("age", fmt::format("{} s of machine time", root.system.machine_time_ns / 1'000'000'000));
  line("boots", fmt::format("{}, power cuts survived {}, since the last commit {}", root.boots,
                            root.power_cuts, root.boots_since_commit));
  if (root.boot_identity != 0) line("last boot", fmt::format("identity {:016x}", root.boot_identity));
  line("stopped", root.clean ? "orderly" : "by a power cut, or still running");
  line("interval", fmt::format("{} ms between checkpoints", root.interval_ms));
  line("disk", fmt::format("{}, {} of it on the host", describe_bytes(root.geometry.disk_blocks * block_bytes),
                           describe_bytes(file.allocated_bytes())));
  line("log", fmt::format("{}, {} segments", describe_bytes(root.geometry.log_blocks() * block_bytes),
                          root.geometry.log_segments));
  line("frames", fmt::format("{} of {} used", total(census), root.geometry.frames));
  for (const auto& [kind, count] : census.frames) line("", fmt::format("{:<16} {}", info(kind).name, count));
  line("processes", fmt::format("{} started", census.processes_running));
}

ExitStatus show(const ReadOptions& options) {
  const ImageFile file(options.path);
  const ImageView view(file);
  const Census census = count_frames(view);
  (options.json ? print_json : print_text)(file, view, census);
  return ExitStatus::ok;
}

}  // namespace

void add_info(CLI::App& image, Action& action) {
  CLI::App* verb = image.add_subcommand("info", "what an image is, and how full");
  const auto options = std::make_shared<ReadOptions>();
  options->add_to(*verb);
  verb->callback([&action, options] { action = [options] { return show(*options); }; });
}

}  // namespace perdure
