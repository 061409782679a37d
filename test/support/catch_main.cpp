// SPDX-License-Identifier: MIT
//
// The main function of all host tests, for Catch2 of version 2 (Debian 12) and of version 3.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_session.hpp>

int main(int argument_count, char** arguments) { return Catch::Session().run(argument_count, arguments); }
#else
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
