// SPDX-License-Identifier: MIT
//
// Tab: what the word before the cursor could become. Commands, then by command: programs,
// names of servers, a server's methods.
#include <algorithm>

#include "userland/shell/columns.hpp"
#include "userland/shell/commands.hpp"

namespace perdure {

namespace {

// What can become of the word: how many there are, how long they are, and what all have in common.
class Candidates {
 public:
  void add(std::string_view candidate) {
    longest_ = std::max(longest_, candidate.size());
    if (count_++ == 0) {
      common_length_ = candidate.copy(common_, sizeof(common_));
    } else {
      const std::string_view common(common_, common_length_);
      common_length_ = static_cast<size_t>(
          std::ranges::mismatch(common, candidate).in1 - common.begin());
    }
  }

  size_t count() const { return count_; }
  size_t longest() const { return longest_; }
  // What can be inserted in any case behind the prefix that all have; at least the empty text.
  std::string_view certain_behind(std::string_view prefix) const {
    return std::string_view(common_, common_length_).substr(std::min(prefix.size(), common_length_));
  }

 private:
  size_t count_ = 0;
  size_t longest_ = 0;
  char common_[LineEditor::length_max] = {};
  size_t common_length_ = 0;
};

// The line up to the word that is being typed.
struct Typed {
  Words before;  // without options
  std::string_view prefix;
  const Command* command = nullptr;  // none: the word is to be one, or there is no such
  bool has_option = false;
  std::string_view methods;          // of the server that is called: its lines
};

struct Offered {
  bool servers = false;
  bool aliases = false;
  bool also_over = false;  // what was destroyed or revoked
};

// The first argument of these is a name.
Offered names_after(std::string_view command) {
  if (command == "call" || command == "describe" || command == "wrap") {
    return {.servers = true, .aliases = true};
  }
  if (command == "destroy" || command == "banks") return {.servers = true};
  if (command == "block" || command == "unblock" || command == "revoke") return {.aliases = true};
  if (command == "forget") return {.aliases = true, .also_over = true};
  return {};
}

void offer_commands(const auto& offer) {
  for (const Command& command : commands()) offer(command.name);
}

void offer_programs(const auto& offer) {
  for (unsigned i = 0; const auto recipe = read_recipe_at(i); ++i) offer(recipe->name.view());
}

void offer_names(const Shell& shell, Offered offered, const auto& offer) {
  for (size_t i = 0; i < shell.names.size(); ++i) {
    const Named& named = shell.names.at(i);
    const bool is_meant = named.is_alias() ? offered.aliases : offered.servers;
    const bool is_there = shell.names.lives(i) || (offered.also_over && !named.is_free());
    if (is_meant && is_there) offer(named.name.view());
  }
}

void offer_methods(std::string_view lines, const auto& offer) {
  while (!lines.empty()) {
    offer(lines.substr(0, lines.find_first_of(" \n")));
    lines.remove_prefix(std::min(lines.find('\n'), lines.size() - 1) + 1);
  }
}

// The option, too, once: where one is being typed, and where nothing else has to come.
void offer_all(const Shell& shell, const Typed& typed, const auto& take) {
  const auto offer = [&](std::string_view candidate) {
    if (candidate.starts_with(typed.prefix)) take(candidate);
  };
  const size_t position = typed.before.count;
  if (position == 0) return offer_commands(offer);
  if (typed.command == nullptr) return;
  const std::string_view command = typed.command->name;
  if (position == 1 && command == "help") {
    offer_commands(offer);
  } else if (position == 1 && command == "start") {
    offer_programs(offer);
  } else if (position == 1) {
    offer_names(shell, names_after(command), offer);
  }
  offer_methods(typed.methods, offer);
  const bool may_come = typed.prefix.starts_with('-') || position >= typed.command->least_words;
  if (may_come && !typed.has_option && !typed.command->option().empty()) offer(typed.command->option());
}

// A server is asked once, however often its methods are gone through.
std::string_view methods_of(Shell& shell, std::string_view name) {
  const auto index = shell.names.find(name);
  if (!index) return {};
  const auto description = describe_server(shell, *index);
  return description ? method_lines(*description) : std::string_view();
}

Typed take_apart(Shell& shell, std::string_view line) {
  Typed typed{.before = split_words(line)};
  const bool begins_word = line.empty() || line.back() == ' ';
  if (!begins_word) typed.prefix = typed.before.word[--typed.before.count];
  if (typed.before.count != 0) typed.command = find_command(typed.before.at(0));
  if (typed.command == nullptr) return typed;
  typed.has_option = take_options(typed.before, typed.command->words_before_foreign()).count != 0;
  const bool is_method = typed.before.count == 2 && typed.command->name == "call";
  if (is_method) typed.methods = methods_of(shell, typed.before.at(1));
  return typed;
}

void list(Shell& shell, const Typed& typed, const Candidates& candidates) {
  Columns columns(shell.console, candidates.longest());
  shell.say("\n");
  if (!columns.fit_in_a_row(candidates.count())) shell.say(candidates.count(), " possibilities:\n");
  offer_all(shell, typed, [&](std::string_view candidate) { columns.add(candidate); });
  columns.end();
}

}  // namespace

bool complete_word(Shell& shell, LineEditor& editor, TextWriter& echo) {
  const std::string_view line = editor.before_cursor();
  if (split_words(line).too_many) return false;
  const Typed typed = take_apart(shell, line);
  Candidates candidates;
  offer_all(shell, typed, [&](std::string_view candidate) { candidates.add(candidate); });
  const std::string_view certain = candidates.certain_behind(typed.prefix);
  if (candidates.count() > 1 && certain.empty()) {
    list(shell, typed, candidates);
    return true;
  }
  editor.insert(certain, echo);
  if (candidates.count() == 1) editor.insert(" ", echo);
  return false;
}

}  // namespace perdure
