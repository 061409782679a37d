// SPDX-License-Identifier: MIT
//
// Shows what the last assertion of the machine left in the report area (kernel/check/report.hpp).
#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "kernel/check/report.hpp"
#include "tools/commands.hpp"
#include "tools/image_view.hpp"

namespace perdure {
namespace {

constexpr std::string_view event_names[] = {"none", "invocation", "stall", "fault", "declare",
                                            "committed", "run", "destroy", "boot"};

std::string event_name(const TraceEntry& entry) {
  const auto number = static_cast<uint64_t>(entry.event);
  return number < std::size(event_names) ? std::string(event_names[number]) : "event " + std::to_string(number);
}

std::string printable(std::string text) {
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

std::string message_of(const BugReport& report) {
  const size_t length = std::min<size_t>(report.message_length, sizeof(report.message));
  return printable(std::string(report.message, length));
}

void print_json(const BugReport& report) {
  nlohmann::json trace = nlohmann::json::array();
  for (const TraceEntry& entry : report.trace) {
    if (entry.event == TraceEntry::Event::none) continue;
    trace.push_back({{"event", event_name(entry)}, {"process", entry.process}, {"a", entry.a}, {"b", entry.b}});
  }
  const nlohmann::json json = {{"message", message_of(report)},
                               {"instruction_pointer", report.instruction_pointer},
                               {"boot_epoch", report.boot_epoch},
                               {"committed_generation", report.committed_generation},
                               {"current_process", report.current_process},
                               {"wall_seconds", report.wall_seconds},
                               {"trace", trace}};
  fmt::print("{}\n", json.dump(2));
}

void print_text(const BugReport& report) {
  for (const TraceEntry& entry : report.trace) {
    if (entry.event == TraceEntry::Event::none) continue;
    fmt::print("{:<11} process {:<8} {:016x} {:016x}\n", event_name(entry), entry.process, entry.a, entry.b);
  }
  fmt::print("{}, boot {}, last committed generation {}\n", describe_wall_time(report.wall_seconds),
             report.boot_epoch, report.committed_generation);
  fmt::print("process {}, kernel at {:#x}\n", report.current_process, report.instruction_pointer);
  fmt::print("assertion: {}\n", message_of(report));
}

ExitStatus show(const ReadOptions& options) {
  const ImageFile file(options.path);
  const ImageView view(file);
  const std::span<const std::byte> area(file.block(report_start), report_blocks * block_bytes);
  const std::span<const std::byte> text = report_text(area);
  BugReport report;
  if (text.size() < sizeof(report)) {
    fmt::print("{}\n", options.json ? "null" : "no report: no assertion has failed since the image was built");
    return ExitStatus::ok;
  }
  std::memcpy(&report, text.data(), sizeof(report));
  if (report.magic != BugReport::magic_value || report.revision != BugReport::layout_revision ||
      report.trace_count != Trace::entry_count) {
    throw ToolError(ExitStatus::damaged, file.path() + ": a report that this tool cannot read");
  }
  (options.json ? print_json : print_text)(report);
  return ExitStatus::ok;
}

}  // namespace

void add_report(CLI::App& image, Action& action) {
  CLI::App* verb = image.add_subcommand("report", "the last assertion that failed, and what led to it");
  const auto options = std::make_shared<ReadOptions>();
  options->add_to(*verb);
  verb->callback([&action, options] { action = [options] { return show(*options); }; });
}

}  // namespace perdure
