// SPDX-License-Identifier: MIT
//
// The tree of banks, as a person reads it: every total, and for one bank the frames by kind. The
// root bank walks the tree; the least limit on a bank's path is what counts for it.
#include <algorithm>

#include "userland/shell/commands.hpp"

namespace perdure {

namespace {

// One bank of the walk, and what the walk knows of those above it.
struct WalkedBank {
  BankCapability::ListStep step;
  uint32_t after = 0;            // the account before it in the walk
  uint64_t effective_limit = 0;  // the least on its path
};

// The walk of the root bank, from the root on.
class BankWalk {
 public:
  Answer<WalkedBank> next() {
    const auto step = shell_register::root_bank.list(at_);
    if (!step) return std::unexpected(step.error());
    const uint64_t above = step->depth == 0 ? bank_unlimited : limits_[step->depth - 1];
    limits_[step->depth] = std::min(above, step->limit);
    const WalkedBank walked{*step, at_, limits_[step->depth]};
    at_ = step->account;
    return walked;
  }

 private:
  uint32_t at_ = 0;
  uint64_t limits_[bank_depth_max] = {};  // effective, by depth, of the path to the last bank
};

// The name that a bank's account has here.
void write_bank_name(Shell& shell, TextWriter& out, uint32_t account, uint32_t own_account) {
  if (account == bank_root_account) {
    out << bank_name_root;
  } else if (account == own_account) {
    out << bank_name_shell;
  } else if (const auto index = shell.names.find_account(account)) {
    out << shell.names.at(*index).name.view();
  } else {
    out << "bank " << uint64_t{account};
  }
}

void show_bank(Shell& shell, const WalkedBank& bank, uint32_t own_account) {
  const auto& step = bank.step;
  TextBuffer<128> name;
  for (uint64_t i = 0; i < step.depth; ++i) name << "  ";
  write_bank_name(shell, name, step.account, own_account);
  shell.say(LeftAligned{name.text(), 23}, " used ", step.used, " of ", bank.effective_limit,
            " frames (", ByteCount{step.used * frame_bytes}, " of ",
            ByteCount{bank.effective_limit * frame_bytes}, ")");
  if (step.limit == bank_unlimited) {
    shell.say(", no limit of its own");
  } else if (step.limit != bank.effective_limit) {
    shell.say(", its own limit is ", step.limit);
  }
  shell.say(step.is_dying ? ", is being destroyed\n" : "\n");
}

void show_tree(Shell& shell, uint32_t own_account) {
  BankWalk walk;
  while (true) {
    const auto bank = walk.next();
    if (!bank) {
      if (bank.error() != Result::not_found) shell.say_result(bank.error());
      return;
    }
    show_bank(shell, *bank, own_account);
  }
}

void show_kinds(Shell& shell, const WalkedBank& bank) {
  uint64_t others = bank.step.used;
  for (unsigned number = 1; number < kind_count; ++number) {
    const auto kind = static_cast<Kind>(number);
    const auto step = shell_register::root_bank.list(bank.after, kind);
    if (!step || step->account != bank.step.account) return;  // it has just gone
    if (step->used == 0) continue;
    shell.say("  ", LeftAligned{info(kind).name, 21}, " ", step->used, " frames (",
              ByteCount{step->used * frame_bytes}, ")\n");
    others -= std::min(others, step->used);
  }
  if (others != 0) shell.say("  ", LeftAligned{"records of banks below", 21}, " ", others, " frames\n");
}

void show_one(Shell& shell, std::string_view wanted, uint32_t own_account) {
  BankWalk walk;
  while (const auto bank = walk.next()) {
    TextBuffer<64> name;
    write_bank_name(shell, name, bank->step.account, own_account);
    if (name.text() != wanted) continue;
    show_bank(shell, *bank, own_account);
    show_kinds(shell, *bank);
    return;
  }
  shell.say_error("there is no bank ", wanted, "; banks lists them");
}

}  // namespace

bool is_ending(uint32_t account) {
  BankWalk walk;
  while (const auto bank = walk.next()) {
    if (bank->step.account == account) return bank->step.is_dying;
  }
  return false;
}

void run_banks(Shell& shell, const Words& words) {
  const auto own = shell_register::bank.status();
  if (!own) {
    shell.say_result(own.error());
  } else if (words.count == 2) {
    show_one(shell, words.at(1), own->account);
  } else {
    show_tree(shell, own->account);
  }
}

}  // namespace perdure
