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
// system_commands.cpp
void run_banks(Shell&, const Words&);
void run_checkpoint(Shell&, const Words&);
void run_generations(Shell&, const Words&);
void run_status(Shell&, const Words&);
void run_uptime(Shell&, const Words&);
void run_reboot(Shell&, const Words&);
void run_poweroff(Shell&, const Words&);

// The recipe of this name, in shell_register::recipe; nothing (and an error said) if none.
bool fetch_recipe(Shell&, std::string_view program);
// The recipe in slot `index`, in shell_register::recipe; nothing after the last one.
std::optional<RecipeSummary> read_recipe_at(unsigned index);
// A name that was given to a server, destroyed or not; nothing (and an error said) if none.
std::optional<NameTable::Index> find_server(Shell&, std::string_view name);
// What the server says of itself, in the shell's server_text(), printable.
Answer<std::string_view> describe_server(Shell&, NameTable::Index);

}  // namespace perdure
