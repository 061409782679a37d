// SPDX-License-Identifier: MIT
//
// What the kernel says of itself when an assertion has failed, as the host tool will find it on the disk.
#include "kernel/check/report.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <string>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

TEST_CASE("a report says what has failed, where, whose turn it was, and what came before") {
  for (const size_t length : {size_t{30}, size_t{500}}) {  // more than there is room for
    CAPTURE(length);
    KernelWorld world;
    const Guest guest = world.new_guest([](Process&) {});
    world.start();
    world.take_checkpoint();
    world.run(10);
    REQUIRE(world.kernel().processor.has_current());
    const std::string message(length, 'x');
    REQUIRE(write_report(world.kernel(), message, 0xffff'ffff'8000'1234));
    const auto text = report_text({world.disk().block(report_start), report_blocks * block_bytes});
    BugReport report;
    REQUIRE(text.size() >= sizeof(report));
    std::memcpy(&report, text.data(), sizeof(report));
    CHECK(report.magic == BugReport::magic_value);
    CHECK(report.instruction_pointer == 0xffff'ffff'8000'1234);
    CHECK(report.boot_epoch == world.kernel().time.boot_epoch());
    CHECK(report.committed_generation == 1);
    CHECK(report.current_process == frame_of(guest.process));
    CHECK(std::string(report.message, report.message_length) == message.substr(0, sizeof(report.message)));
    CHECK(std::memcmp(report.trace, &world.kernel().trace.at(0), sizeof(TraceEntry)) == 0);
  }
}
