// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <memory>
#include <span>
#include <nlohmann/json.hpp>

#include "tools/commands.hpp"
#include "tools/image_view.hpp"
#include "tools/progress.hpp"
#include "tools/verify_image.hpp"

namespace perdure {
namespace {

void print_json(const ImageView& view, const Findings& findings, const Verification& result) {
  const nlohmann::json json = {{"verified", findings.is_empty()},
                               {"objects", result.objects},
                               {"banks", result.banks},
                               {"generation", view.generation().value},
                               {"books_compared", result.books_compared},
                               {"finding_count", findings.count()},
                               {"findings", findings.kept()},
                               {"note_count", view.notes().count()},
                               {"notes", view.notes().kept()}};
  fmt::print("{}\n", json.dump(2));
}

void print_some(const char* word, std::span<const std::string> kept, uint64_t count) {
  for (const std::string& line : kept) fmt::print("{}: {}\n", word, line);
  if (count > kept.size()) fmt::print("{}: {} more\n", word, count - kept.size());
}

void print_text(const ImageView& view, const Findings& findings, const Verification& result) {
  print_some("note", view.notes().kept(), view.notes().count());
  if (result.has_bank_server && !result.books_compared) {
    fmt::print("the bank server was in the middle of a request: its books were not compared\n");
  }
  if (findings.is_empty()) {
    fmt::print("image verified: {} objects, {} banks, generation {}\n", result.objects, result.banks,
               view.generation().value);
    return;
  }
  print_some("also", std::span(findings.kept()).subspan(1), findings.count() - 1);
  fmt::print("image damaged: {}\n", findings.kept().front());
}

// Damage so deep that nothing can be looked at behind it.
ExitStatus report_fatal(const ReadOptions& options, const ToolError& error) {
  if (error.status() != ExitStatus::damaged) throw error;
  if (options.json) {
    fmt::print("{}\n", nlohmann::json{{"verified", false}, {"finding_count", 1},
                                      {"findings", {error.what()}}}.dump(2));
  } else {
    fmt::print("{}\n", error.what());
  }
  return ExitStatus::damaged;
}

ExitStatus verify(const ReadOptions& options) {
  const ImageFile file(options.path);
  try {
    ImageView view(file);
    Verification result;
    {
      ProgressLine progress("verifying");
      result = verify_frames(view, view.findings(),
                             [&](uint64_t done, uint64_t all) { progress.show(done, all); });
    }
    (options.json ? print_json : print_text)(view, view.findings(), result);
    return view.findings().is_empty() ? ExitStatus::ok : ExitStatus::damaged;
  } catch (const ToolError& error) {
    return report_fatal(options, error);
  }
}

}  // namespace

void add_verify(CLI::App& image, Action& action) {
  CLI::App* verb = image.add_subcommand(
      "verify", "check everything that recovery relies on, and what holds between objects");
  const auto options = std::make_shared<ReadOptions>();
  options->add_to(*verb);
  verb->callback([&action, options] { action = [options] { return verify(*options); }; });
}

}  // namespace perdure
