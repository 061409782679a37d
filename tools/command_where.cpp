// SPDX-License-Identifier: MIT
//
// From an address that a program stopped at to its source. The program is the one of the build, which may be
// newer than the one in an image. What the address means is asked of binutils' addr2line.
#include <fmt/format.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "tools/commands.hpp"

namespace perdure {
namespace {

namespace fs = std::filesystem;

struct WhereOptions {
  std::string program;
  std::string address;
  bool json = false;
};

// The innermost function first; those behind it are where it was inlined.
struct Place {
  std::string function;
  std::string file;  // below the tree, if it is there
  uint64_t line = 0;
};

// This tool is BUILD/tools/perdure.
fs::path build_folder() { return fs::canonical("/proc/self/exe").parent_path().parent_path(); }

fs::path elf_of(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  const fs::path folder = build_folder();
  if (program == "kernel") return folder / "kernel" / "kernel.elf";
  return folder / "userland" / (program + ".elf");
}

// Its standard output. It is searched for in PATH.
std::string output_of(const std::vector<std::string>& words) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw ToolError(ExitStatus::damaged, "cannot make a pipe");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int failure = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string output;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> reader(::fdopen(ends[0], "r"), &std::fclose);
  std::array<char, 4096> piece{};
  while (const size_t count = std::fread(piece.data(), 1, piece.size(), reader.get())) output.append(piece.data(), count);
  int status = 0;
  if (failure != 0 || ::waitpid(child, &status, 0) != child || status != 0) {
    throw ToolError(ExitStatus::damaged, "addr2line, of binutils, is needed and cannot be run");
  }
  return output;
}

std::string below_the_tree(const std::string& file) {
  const fs::path tree = build_folder().parent_path();
  const fs::path path = fs::path(file).lexically_normal();
  const fs::path relative = path.lexically_relative(tree);
  return relative.empty() || *relative.begin() == ".." ? path.string() : relative.string();
}

// addr2line's lines: a function, then FILE:LINE, perhaps with ` (discriminator N)`; `??` is not known.
std::vector<Place> read_places(std::string_view text) {
  std::vector<Place> places;
  const auto take_line = [&] {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
  };
  while (!text.empty()) {
    Place place{.function = take_line(), .file = {}};
    const std::string where = take_line();
    const size_t colon = where.rfind(':', where.find(' '));
    if (colon == std::string::npos) break;
    place.file = below_the_tree(where.substr(0, colon));
    place.line = std::strtoull(where.c_str() + colon + 1, nullptr, 10);
    places.push_back(std::move(place));
  }
  return places;
}

void print_text(const std::vector<Place>& places) {
  std::string_view before;
  for (const Place& place : places) {
    fmt::print("{}{} at {}:{}\n", before, place.function, place.file, place.line);
    before = "  inlined in ";
  }
}

void print_json(const std::vector<Place>& places) {
  nlohmann::json list = nlohmann::json::array();
  for (const Place& place : places) {
    list.push_back({{"function", place.function}, {"file", place.file}, {"line", place.line}});
  }
  fmt::print("{}\n", list.dump(2));
}

ExitStatus show(const WhereOptions& options) {
  char* end = nullptr;
  const uint64_t address = std::strtoull(options.address.c_str(), &end, 0);
  if (options.address.empty() || *end != '\0' || options.address[0] == '-') {
    throw ToolError(ExitStatus::usage, "'" + options.address + "' is not an address, like 0x400123");
  }
  const fs::path elf = elf_of(options.program);
  if (!fs::is_regular_file(elf)) {
    throw ToolError(ExitStatus::usage, "there is no program " + options.program + " (" + elf.string() + "); is it built?");
  }
  const auto places = read_places(output_of({"addr2line", "-C", "-f", "-i", "-e", elf.string(), fmt::format("{:#x}", address)}));
  if (places.empty() || places[0].function == "??") {
    throw ToolError(ExitStatus::usage, fmt::format("{} has no code at {:#x}, or says nothing of it", options.program, address));
  }
  (options.json ? print_json : print_text)(places);
  return ExitStatus::ok;
}

}  // namespace

void add_where(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("where", "function, file and line of an address in a program");
  const auto options = std::make_shared<WhereOptions>();
  verb->add_option("PROGRAM", options->program, "its name in the build, kernel, or the path of an ELF file")->required();
  verb->add_option("ADDRESS", options->address, "as `servers` tells it, like 0x400123")->required();
  verb->add_flag("--json", options->json, "print one JSON value instead of text");
  verb->callback([&action, options] { action = [options] { return show(*options); }; });
}

}  // namespace perdure
