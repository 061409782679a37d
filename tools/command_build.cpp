// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>

#include "tools/commands.hpp"
#include "tools/genesis.hpp"
#include "tools/image_file.hpp"
#include "tools/image_writer.hpp"
#include "tools/new_image_reader.hpp"
#include "tools/progress.hpp"
#include "tools/quantity.hpp"
#include "tools/verify_image.hpp"

namespace perdure {
namespace {

struct BuildOptions {
  std::string path;
  std::string description;
  std::string programs = ".";
  std::string size = "1G";
  std::string log_size = "128M";
  bool force = false;
};

[[noreturn]] void usage_error(const std::string& message) {
  throw ToolError(ExitStatus::usage, message);
}

std::vector<std::byte> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  struct stat status {};
  if (!file || ::stat(path.c_str(), &status) != 0) usage_error(path + ": " + std::strerror(errno));
  if (!S_ISREG(status.st_mode)) usage_error(path + ": not a regular file");
  std::vector<std::byte> bytes(static_cast<size_t>(status.st_size));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (file.gcount() != static_cast<std::streamsize>(bytes.size())) usage_error(path + ": cannot be read");
  return bytes;
}

uint64_t size_option(const char* name, const std::string& text) {
  const auto value = parse_quantity(text);
  if (!value) usage_error(fmt::format("{}: '{}' is not a size, like 512M or 2G", name, text));
  return *value;
}

Geometry plan_geometry(const BuildOptions& options) {
  const uint64_t disk = size_option("--size", options.size);
  const uint64_t log = size_option("--log-size", options.log_size);
  constexpr uint64_t segment_bytes = segment_blocks_default * block_bytes;
  if (log < log_segments_min * segment_bytes) {
    usage_error(fmt::format("--log-size: {} is too small; at least {}", options.log_size,
                            describe_bytes(log_segments_min * segment_bytes)));
  }
  const uint64_t segments = std::min<uint64_t>(log / segment_bytes, ~uint32_t{0});
  const auto geometry = Geometry::plan(disk / block_bytes, static_cast<uint32_t>(segments));
  if (!geometry) {
    usage_error(fmt::format("--size {} with --log-size {}: no store fits; the disk must be larger than its log",
                            options.size, options.log_size));
  }
  return *geometry;
}

// An image that exists is a person's whole machine: never replaced unasked, nor while it runs.
void check_target(const BuildOptions& options) {
  const int descriptor = ::open(options.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return;
  if (descriptor < 0) throw ToolError(ExitStatus::refused, options.path + ": " + std::strerror(errno));
  struct stat status {};
  const bool is_file = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  const auto close = [](const int* d) { ::close(*d); };
  const std::unique_ptr<const int, decltype(close)> closer(&descriptor, close);
  if (!is_file) throw ToolError(ExitStatus::refused, options.path + ": not a regular file");
  refuse_if_in_use(descriptor, options.path);
  if (!options.force) {
    throw ToolError(ExitStatus::refused, options.path + ": exists already; --force replaces it");
  }
}

uint64_t random_store_id() {
  uint64_t id = 0;
  while (id == 0) {
    if (::getrandom(&id, sizeof(id), 0) != sizeof(id)) throw ToolError(ExitStatus::damaged, "no random numbers");
  }
  return id;
}

ImageDescription read_description(const std::string& path) {
  const std::vector<std::byte> text = read_file(path);
  return parse_description(path, {reinterpret_cast<const char*>(text.data()), text.size()});
}

// The builder believes its own work as little as a stranger's.
void check_own_work(const NewImage& image, const SystemState& system) {
  Findings findings;
  (void)verify_frames(NewImageReader(image, system), findings);
  if (!findings.is_empty()) {
    throw ToolError(ExitStatus::damaged, "the builder made a bad image: " + findings.kept().front());
  }
}

ExitStatus build(const BuildOptions& options) {
  const Geometry geometry = plan_geometry(options);
  check_target(options);
  const ImageDescription description = read_description(options.description);
  ProgressLine progress("building the image");
  NewImage image(geometry.frames);
  progress.show(0, 3);
  Genesis genesis(image, description, [&](const std::string& file) {
    return read_file(options.programs + "/" + file);
  });
  SystemState system = genesis.build();
  system.wall_seconds = static_cast<uint64_t>(std::time(nullptr));
  progress.show(1, 3);
  check_own_work(image, system);
  progress.show(2, 3);
  write_image(options.path, image,
              {.geometry = geometry,
               .system = system,
               .interval_ms = description.interval_ns / 1'000'000,
               .store_id = random_store_id()});
  progress.show(3, 3);
  fmt::print("image built: {} frames of {} used, {} banks, generation 0\n", image.frames().size(),
             geometry.frames, genesis.bank_count());
  return ExitStatus::ok;
}

}  // namespace

void add_build(CLI::App& image, Action& action) {
  CLI::App* verb = image.add_subcommand("build", "make a new image from a description (tools/description.md)");
  const auto options = std::make_shared<BuildOptions>();
  verb->add_option("IMG", options->path, "the image to make")->required();
  verb->add_option("DESCRIPTION", options->description, "what is in it at time zero")->required();
  verb->add_option("--programs", options->programs, "folder of the program files")->capture_default_str();
  verb->add_option("--size", options->size, "size of the disk")->capture_default_str();
  verb->add_option("--log-size", options->log_size, "of which for the log of checkpoints")->capture_default_str();
  verb->add_flag("--force", options->force, "replace an image that exists");
  verb->callback([&action, options] { action = [options] { return build(*options); }; });
}

}  // namespace perdure
