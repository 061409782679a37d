// SPDX-License-Identifier: MIT
//
// Aliases: capabilities of the shell's own making that can be taken back. wrap, block, unblock,
// revoke, forget.
//
// An alias is a wrapper, bought from the shell's bank, in front of the entry of a server or of
// another alias. All that is done with the alias goes through it, so that blocking or destroying
// it reaches every holder of a copy. If the server goes, its aliases are void by themselves.
#include "userland/runtime/revocable.hpp"
#include "userland/shell/commands.hpp"

namespace perdure {

namespace {

// The kernel follows no more in a row.
constexpr unsigned wrappers_in_a_row_max = 8;

constexpr CapabilityRegister control = shell_register::scratch;
constexpr CapabilityRegister client{shell_register::scratch.number + 1};

Revocable revocable() { return {.bank = shell_register::bank, .control = WrapperCapability{control}}; }

// The alias of this name, whether it lives or was revoked; nothing (and an error said) if none.
std::optional<NameTable::Index> find_alias(Shell& shell, std::string_view name) {
  const auto index = shell.names.find(name);
  if (!index) {
    shell.say_error("there is no alias ", name, "; servers lists them");
    return std::nullopt;
  }
  if (!shell.names.at(*index).is_alias()) {
    shell.say_error(name, " is a server, not an alias; wrap ", name, " ALIAS makes one");
    return std::nullopt;
  }
  return index;
}

// Its control, in revocable().
Answer<> fetch_control(Shell& shell, NameTable::Index index) {
  return shell.names.fetch(index, NameTable::Which::control, control);
}

// Afterwards the wrapper is gone, whichever program destroyed it, and its storage is the bank's.
Answer<> revoke(Shell& shell, NameTable::Index index) {
  Answer<> done = fetch_control(shell, index);
  if (done) done = revocable().revoke();
  if (!done && done.error() != Result::void_capability) return done;
  if (!shell.names.at(index).is_over()) shell.names.note_over(index);
  return {};
}

// Which checkpoint it will be is not known before it is committed: one that is being written now may have
// been declared before, and one that fails takes its number with it.
void say_when_durable(Shell& shell) {
  shell.say("revoked, will be durable with a checkpoint to come; --wait waits for it\n");
}

void wait_until_durable(Shell& shell) {
  const auto generation = shell_register::checkpoint.take();
  if (!generation) {
    shell.say_error("revoked, but no checkpoint was committed: ", name_of(generation.error()));
    return;
  }
  shell.say("revoked, durable from checkpoint ", *generation, "\n");
}

void set_blocked(Shell& shell, std::string_view name, bool is_blocked) {
  const auto index = find_alias(shell, name);
  if (!index) return;
  Answer<> done = fetch_control(shell, *index);
  if (done) done = is_blocked ? revocable().block() : revocable().unblock();
  if (!done) {
    shell.say_result(done.error());
    return;
  }
  shell.names.note_blocked(*index, is_blocked);
  shell.say(name, is_blocked ? " blocked; who calls it waits\n" : " unblocked\n");
}

void say_no_room(Shell& shell, Result result) {
  const bool is_full = result == Result::limit_reached || result == Result::exhausted;
  shell.say_error("no room for another alias: ",
                  is_full ? "the shell's bank has no frame left" : name_of(result),
                  "; destroy or forget what is no longer needed");
}

bool check_alive(Shell& shell, CapabilityRegister target) {
  const auto classified = shell_register::discriminator.classify(target);
  if (!classified || classified->type == CapabilityType::void_capability) {
    shell.say_result(classified ? Result::void_capability : classified.error());
    return false;
  }
  return true;
}

}  // namespace

// From wrapper to wrapper, as far as they have names here.
CapabilityType type_behind(Shell& shell, NameTable::Index index) {
  const CapabilityRegister target{control.number + 2}, entry{control.number + 3};
  for (unsigned i = 0; i < wrappers_in_a_row_max; ++i) {
    const CapabilityType nothing = CapabilityType::void_capability;
    if (!fetch_control(shell, index) || !WrapperCapability{control}.get(target)) return nothing;
    const auto classified = shell_register::discriminator.classify(target);
    if (!classified) return nothing;
    if (classified->type != CapabilityType::wrapped) return classified->type;
    const auto next = shell.names.find(shell.names.at(index).origin.view());
    if (!next || !shell.names.at(*next).is_alias()) break;
    if (!shell.names.fetch(*next, NameTable::Which::entry, entry)) break;
    // The name may have been given to another one since.
    if (!shell_register::discriminator.same(target, entry).value_or(false)) break;
    index = *next;
  }
  return CapabilityType::wrapped;
}

bool bind_alias(Shell& shell, const Named& alias, CapabilityRegister target) {
  if (alias.wrapper_count > wrappers_in_a_row_max) {
    shell.say_error(uint64_t{wrappers_in_a_row_max}, " wrappers may stand one behind the other, and ",
                    alias.origin.view(), " has as many; use what it was made of");
    return false;
  }
  if (!check_alive(shell, target)) return false;
  if (auto done = shell.names.make_room_for(alias.name.view()); !done) {
    say_no_room(shell, done.error());
    return false;
  }
  const auto made = hand_out(shell_register::bank, target, {.control = control, .client = client});
  if (!made) {
    say_no_room(shell, made.error());
    return false;
  }
  const auto index = shell.names.add(alias, {.bank = registers::nothing,
                                             .entry = client,
                                             .process = shell_register::server_process.at,
                                             .control = control});
  if (!index) {
    (void)made->revoke();
    shell.say_error("the name cannot be kept: ", name_of(index.error()));
  }
  return index.has_value();
}

void run_wrap(Shell& shell, const Words& words) {
  const std::string_view name = words.at(1);
  const std::string_view alias = words.at(2);
  const auto index = find_named(shell, name);
  if (!index || !check_name(shell, alias) || !check_unused(shell, alias)) return;
  if (shell.names.at(*index).is_alias() && is_void_alias(shell, *index)) {
    shell.say_result(Result::void_capability);
    return;
  }
  const CapabilityRegister entry = shell_register::server_entry;
  using Which = NameTable::Which;
  Answer<> done = shell.names.fetch(*index, Which::entry, entry);
  if (done) done = shell.names.fetch(*index, Which::process, shell_register::server_process.at);
  if (!done) {
    shell.say_result(done.error());
    return;
  }
  const Named named{.name = Word::of(alias),
                    .origin = Word::of(name),
                    .start = shell.names.at(*index).start,
                    .wrapper_count = shell.names.at(*index).wrapper_count + 1};
  if (bind_alias(shell, named, entry)) {
    shell.say(alias, " stands for ", name, "; revoke ", alias, " takes it back\n");
  }
}

void run_block(Shell& shell, const Words& words) { set_blocked(shell, words.at(1), true); }
void run_unblock(Shell& shell, const Words& words) { set_blocked(shell, words.at(1), false); }

void run_revoke(Shell& shell, const Words& words) {
  const bool waits = words.has_option;
  const auto index = find_alias(shell, words.at(1));
  if (!index) return;
  // With --wait it can be asked once more, to know that it is durable.
  if (shell.names.at(*index).is_over() && !waits) {
    shell.say_error(words.at(1), " is revoked already");
    return;
  }
  if (auto done = revoke(shell, *index); !done) {
    shell.say_result(done.error());
  } else if (waits) {
    wait_until_durable(shell);
  } else {
    say_when_durable(shell);
  }
}

void run_forget(Shell& shell, const Words& words) {
  const auto index = find_alias(shell, words.at(1));
  if (!index) return;
  Answer<> done = revoke(shell, *index);
  if (done) done = shell.names.forget(*index);
  if (!done) {
    shell.say_result(done.error());
    return;
  }
  shell.say(words.at(1), " forgotten\n");
}

}  // namespace perdure
