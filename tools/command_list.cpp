// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "objects/frame_check.hpp"
#include "objects/process.hpp"
#include "objects/rows.hpp"
#include "tools/commands.hpp"
#include "tools/image_view.hpp"
#include "tools/program_names.hpp"

namespace perdure {
namespace {

struct ListOptions : ReadOptions {
  std::string kind;
  std::optional<uint32_t> account;
};

Kind kind_option(const std::string& name) {
  for (unsigned number = 1; number < kind_count; ++number) {
    if (kind_table[number].name == name) return static_cast<Kind>(number);
  }
  std::string known;
  for (unsigned number = 1; number < kind_count; ++number) {
    known += (number > 1 ? ", " : "") + std::string(kind_table[number].name);
  }
  throw ToolError(ExitStatus::usage, "--kind: '" + name + "' is none of " + known);
}

std::string named(const Capability& capability) {
  if (!names_object(capability.type)) return std::string(info(capability.type).name);
  return name_of_object(info(capability.type).object_kind, capability.object);
}

std::string describe(const Process& process, const ProgramNames& programs) {
  constexpr std::string_view states[] = {"stopped", "running", "receiving", "waiting"};
  const std::string program = programs.of(process);
  return fmt::format("{}{}{}", states[static_cast<size_t>(process.control.state)],
                     program.empty() ? "" : ", program ", program);
}

// What a person wants to know first of an object of each kind. Its frame has been checked.
std::string describe(Kind kind, const void* object, const ProgramNames& programs) {
  switch (kind) {
    case Kind::process: return describe(*static_cast<const Process*>(object), programs);
    case Kind::node: {
      const auto& node = *static_cast<const Node*>(object);
      return fmt::format("slot size {}{}", node.slot_size, node.keeper.is_void() ? "" : ", keeper " + named(node.keeper));
    }
    case Kind::wrapper: {
      const auto& wrapper = *static_cast<const Wrapper*>(object);
      return fmt::format("around {}, payload {:#x}{}", named(wrapper.target), wrapper.payload,
                         wrapper.flags & Wrapper::flag_blocked ? ", blocked" : "");
    }
    case Kind::endpoint: {
      const auto& endpoint = *static_cast<const Endpoint*>(object);
      return fmt::format("id {}, receiver {}", endpoint.id, named(endpoint.receiver));
    }
    case Kind::notice: {
      const auto& notice = *static_cast<const Notice*>(object);
      return fmt::format("bits {:#x}, receiver {}", notice.bits, named(notice.receiver));
    }
    case Kind::schedule: {
      const auto& schedule = *static_cast<const Schedule*>(object);
      return fmt::format("priority {} of {}, slice {} ns", schedule.priority, schedule.ceiling, schedule.slice_ns);
    }
    case Kind::activity: {
      const auto& activity = *static_cast<const Activity*>(object);
      return fmt::format("{}process {}", activity.runnable ? "runnable, " : "", activity.process.frame().value);
    }
    default: return "";
  }
}

class List {
 public:
  List(const ImageView& view, const ListOptions& options) : view_(view), options_(options), programs_(view) {
    if (!options.kind.empty()) kind_ = kind_option(options.kind);
  }

  void print() {
    for (uint64_t n = 0; n < view_.frontier(); ++n) frame({n});
    if (options_.json) fmt::print("{}\n", json_.dump(2));
  }

 private:
  void frame(FrameNumber number) {
    const FrameIdentity& identity = view_.identity(number);
    if (identity.kind == Kind::empty || (kind_ && *kind_ != identity.kind)) return;
    if (options_.account && *options_.account != identity.account.value) return;
    const std::byte* bytes = view_.bytes(number);
    const std::string_view wrong = bytes ? check_frame(identity, bytes) : "unreadable";
    if (!wrong.empty()) return object(identity, ObjectId::of(number), identity.source, std::string(wrong));
    for (unsigned i = 0; i < info(identity.kind).objects_per_frame; ++i) {
      const Version version = version_of(identity, bytes, i);
      if (version.is_none()) continue;
      const size_t offset = is_row(identity.kind) ? row_header_bytes + i * info(identity.kind).object_bytes : 0;
      object(identity, ObjectId::of(number, i), version, describe(identity.kind, bytes + offset, programs_));
    }
  }

  void object(const FrameIdentity& identity, ObjectId id, Version version, const std::string& what) {
    if (options_.json) {
      json_.push_back({{"kind", info(identity.kind).name}, {"frame", id.frame().value}, {"index", id.index()},
                       {"account", identity.account.value}, {"version", version.value}, {"description", what}});
      return;
    }
    fmt::print("{:<22} account {:<6} version {:<6} {}\n", name_of_object(identity.kind, id),
               identity.account.value, version.value, what);
  }

  const ImageView& view_;
  const ListOptions& options_;
  ProgramNames programs_;
  std::optional<Kind> kind_;
  nlohmann::json json_ = nlohmann::json::array();
};

ExitStatus show(const ListOptions& options) {
  const ImageFile file(options.path);
  const ImageView view(file);
  List(view, options).print();
  return ExitStatus::ok;
}

}  // namespace

void add_list(CLI::App& image, Action& action) {
  CLI::App* verb = image.add_subcommand("list", "the objects of an image, one a line");
  const auto options = std::make_shared<ListOptions>();
  options->add_to(*verb);
  verb->add_option("--kind", options->kind, "only objects of this kind");
  verb->add_option("--account", options->account, "only what this bank has paid for");
  verb->callback([&action, options] { action = [options] { return show(*options); }; });
}

}  // namespace perdure
