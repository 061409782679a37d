// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "tools/commands.hpp"
#include "tools/image_view.hpp"
#include "tools/progress.hpp"
#include "tools/verify_image.hpp"

namespace perdure {
namespace {

void print_json(const Findings& findings, const Verification& result, uint64_t generation) {
  const nlohmann::json json = {{"verified", findings.is_empty()},
                               {"objects", result.objects},
                               {"banks", result.banks},
                               {"generation", generation},
                               {"books_compared", result.books_compared},
                               {"finding_count", findings.count()},
                               {"findings", findings.kept()}};
  fmt::print("{}\n", json.dump(2));
}

void print_text(const Findings& findings, const Verification& result, uint64_t generation) {
  if (result.has_bank_server && !result.books_compared) {
    fmt::print("the bank server was in the middle of a request: its books were not compared\n");
  }
  if (findings.is_empty()) {
    fmt::print("image verified: {} objects, {} banks, generation {}\n", result.objects, result.banks, generation);
    return;
  }
  const std::vector<std::string>& kept = findings.kept();
  for (size_t i = 1; i < kept.size(); ++i) fmt::print("also: {}\n", kept[i]);
  if (findings.count() > kept.size()) fmt::print("also: {} more\n", findings.count() - kept.size());
  fmt::print("image damaged: {}\n", kept.front());
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
      Progress progress("verifying");
      result = verify_frames(view, view.findings(),
                             [&](uint64_t done, uint64_t all) { progress.show(done, all); });
    }
    const uint64_t generation = view.generation().value;
    (options.json ? print_json : print_text)(view.findings(), result, generation);
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
