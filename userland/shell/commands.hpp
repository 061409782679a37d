// SPDX-License-Identifier: MIT
//
// The commands, one function each. The words begin with the command's own name; their number is
// within the bounds of its line in the table (commands.cpp).
#pragma once

#include "userland/shell/shell.hpp"

namespace perdure {

// commands.cpp
void run_help(Shell&, const Words&);
// server_commands.cpp
void run_programs(Shell&, const Words&);
void run_start(Shell&, const Words&);
void run_servers(Shell&, const Words&);
void run_destroy(Shell&, const Words&);
// call_command.cpp
void run_call(Shell&, const Words&);
void run_describe(Shell&, const Words&);
// alias_commands.cpp
void run_wrap(Shell&, const Words&);
void run_block(Shell&, const Words&);
void run_unblock(Shell&, const Words&);
void run_revoke(Shell&, const Words&);
void run_forget(Shell&, const Words&);
// demo_command.cpp
void run_demo(Shell&, const Words&);
// system_commands.cpp
void run_banks(Shell&, const Words&);
void run_checkpoint(Shell&, const Words&);
void run_generations(Shell&, const Words&);
void run_status(Shell&, const Words&);
void run_uptime(Shell&, const Words&);
void run_reboot(Shell&, const Words&);
void run_poweroff(Shell&, const Words&);

// How a program of the recipe in shell_register::recipe is started, in a bank with this limit.
ProgramStart start_of(uint64_t limit);
// The faults of the program in shell_register::server_process are told from now on.
void watch_program(Shell&, uint64_t start);
// The recipe of this name, in shell_register::recipe; nothing (and an error said) if none.
bool fetch_recipe(Shell&, std::string_view program);
// The recipe in slot `index`, in shell_register::recipe; nothing after the last one.
std::optional<RecipeSummary> read_recipe_at(unsigned index);
// A name that was given, to what lives or not; nothing (and an error said) if none.
std::optional<NameTable::Index> find_named(Shell&, std::string_view name);
// May this name be given? An error is said if it is no name, and if a living server has it.
bool check_name(Shell&, std::string_view name);
bool check_unused(Shell&, std::string_view name);
// Puts a wrapper in front of what is in `target` and binds it to this good, unused name. False
// (and an error said): nothing was bought.
bool bind_alias(Shell&, const Named& alias, CapabilityRegister target);
// What an alias stands for, as far as can be seen: `wrapped` if that is a wrapper of another's.
CapabilityType type_behind(Shell&, NameTable::Index alias);
// Whether calls of an alias that was not revoked are void all the same: what it stands for is gone.
inline bool is_void_alias(Shell& shell, NameTable::Index alias) {
  return type_behind(shell, alias) == CapabilityType::void_capability;
}
// How a call that a person has asked for went. What the server answers is a matter between it and the
// person: it is free to answer `in_use` or `interrupted`.
struct Called {
  Interrupter::End end = Interrupter::End::answered;
  Result result = Result::ok;  // if it was answered, by the server or the kernel
};
// The bank's answer to the end of this bank; nothing if the person does not wait for it any more: then it may end all the same.
std::optional<Result> destroy_for_person(Shell&, BankCapability);
// Whether the bank of this account has begun to end, and is still there.
bool is_ending(uint32_t account);
// What a server says of itself, in the shell's server_text(), printable.
Expected<std::string_view, Called> describe_server(Shell&, NameTable::Index);

}  // namespace perdure
