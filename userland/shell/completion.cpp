// SPDX-License-Identifier: MIT
//
// Tab: what the word before the cursor could become. Commands, then by command: programs,
// names of servers, a server's methods.
#include <algorithm>

#include "userland/shell/commands.hpp"

namespace perdure {

namespace {

// Gathers what begins with the prefix: how many, what all have in common, and their list.
class Candidates {
 public:
  explicit Candidates(std::string_view prefix) : prefix_(prefix) {}

  void offer(std::string_view candidate) {
    if (candidate.substr(0, prefix_.size()) != prefix_) return;
    if (count_++ == 0) {
      common_length_ = candidate.copy(common_, sizeof(common_));
    } else {
      const std::string_view common(common_, common_length_);
      common_length_ = static_cast<size_t>(
          std::ranges::mismatch(common, candidate).in1 - common.begin());
    }
    list_ << candidate << "  ";
  }

  unsigned count() const { return count_; }
  // What can be inserted in any case; at least the empty text. All have the prefix in common, which is a part of the line.
  std::string_view certain() const {
    return count_ == 0 ? std::string_view()
                       : std::string_view(common_, common_length_).substr(prefix_.size());
  }
  std::string_view list() const { return list_.text(); }

 private:
  std::string_view prefix_;
  unsigned count_ = 0;
  char common_[LineEditor::length_max] = {};
  size_t common_length_ = 0;
  TextBuffer<900> list_;
};

void offer_commands(Candidates& candidates) {
  for (const Command& command : commands()) candidates.offer(command.name);
}

void offer_programs(Candidates& candidates) {
  for (unsigned i = 0; const auto recipe = read_recipe_at(i); ++i) {
    candidates.offer(recipe->name.view());
  }
}

struct Offered {
  bool servers = false;
  bool aliases = false;
  bool also_over = false;  // what was destroyed or revoked
};

void offer_names(Shell& shell, Offered offered, Candidates& candidates) {
  for (size_t i = 0; i < shell.names.size(); ++i) {
    const Named& named = shell.names.at(i);
    const bool is_meant = named.is_alias() ? offered.aliases : offered.servers;
    const bool is_there = shell.names.lives(i) || (offered.also_over && !named.is_free());
    if (is_meant && is_there) candidates.offer(named.name.view());
  }
}

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

void offer_methods(Shell& shell, std::string_view server, Candidates& candidates) {
  const auto index = shell.names.find(server);
  if (!index) return;
  const auto description = describe_server(shell, *index);
  if (!description) return;
  std::string_view lines = method_lines(*description);
  while (!lines.empty()) {
    candidates.offer(lines.substr(0, lines.find_first_of(" \n")));
    lines.remove_prefix(std::min(lines.find('\n'), lines.size() - 1) + 1);
  }
}

// `before`: the words before the one that is being typed, without options.
void offer_words(Shell& shell, const Words& before, Candidates& candidates) {
  const std::string_view command = before.at(0);
  if (before.count == 1 && command == "help") {
    offer_commands(candidates);
  } else if (before.count == 1 && command == "start") {
    offer_programs(candidates);
  } else if (before.count == 1) {
    offer_names(shell, names_after(command), candidates);
  } else if (before.count == 2 && command == "call") {
    offer_methods(shell, before.at(1), candidates);
  }
}

// The option, too, once: where one is being typed, and where nothing else has to come.
void offer_all(Shell& shell, Words before, std::string_view prefix, Candidates& candidates) {
  if (before.count == 0) return offer_commands(candidates);
  const Command* command = find_command(before.at(0));
  if (command == nullptr) return;
  const bool is_given = take_options(before, command->words_before_foreign()).count != 0;
  offer_words(shell, before, candidates);
  const bool may_come = prefix.starts_with('-') || before.count >= command->least_words;
  if (may_come && !is_given && !command->option().empty()) candidates.offer(command->option());
}

}  // namespace

bool complete_word(Shell& shell, LineEditor& editor, TextWriter& echo) {
  const std::string_view typed = editor.before_cursor();
  Words before = split_words(typed);
  if (before.too_many) return false;
  const bool begins_word = typed.empty() || typed.back() == ' ';
  const std::string_view prefix = begins_word ? std::string_view() : before.word[--before.count];
  Candidates candidates(prefix);
  offer_all(shell, before, prefix, candidates);
  if (candidates.count() > 1 && candidates.certain().empty()) {
    shell.say("\n", candidates.list(), "\n");
    return true;
  }
  editor.insert(candidates.certain(), echo);
  if (candidates.count() == 1) editor.insert(" ", echo);
  return false;
}

}  // namespace perdure
