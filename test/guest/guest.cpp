// SPDX-License-Identifier: MIT
//
// The tester: makes every test of the suite, one after the other, and tells of each. Lines for the host
// (test/system/guest.py):
//
//   guest: SUITE: NAME                                    a test begins
//   guest: FAILED: FILE:LINE: came N, expected N          what does not hold in it
//   guest: N tests passed, N failed, N checks             the end
#include "test/guest/guest.hpp"

#include "test/guest/harness.hpp"
#include "userland/runtime/format.hpp"
#include "userland/runtime/program.hpp"
#include "userland/runtime/requests.hpp"

namespace perdure::guest {
namespace {

constexpr BankCapability all_tests{{3}};
constexpr uint64_t idler_argument = 0;  // the tester's: how often all tests are made

const Suite* const suites[] = {&messages, &resume, &deadlines, &notices, &wrappers, &capabilities, &refusals, &storage, &address_spaces, &restrictions, &faults, &processes, &schedules, &transfer, &lives, &computing};

// Where the suite is. It goes on from here behind a cut, like all else.
struct Progress {
  uint64_t passed = 0;
  uint64_t failed = 0;
  uint64_t checks = 0;
  bool holds = true;  // all of the present test so far
  unsigned next_register = first_fresh;
  unsigned actors = 0;
};
Progress progress;

void tell(std::string_view line) {
  (void)devices.console(console.at);  // that of this boot
  (void)console.write(line);
}

void tell_failure(const Place& place, std::string_view came, std::string_view expected) {
  progress.holds = false;
  TextBuffer<200> line;
  line << "guest: FAILED: " << place.file.substr(place.file.rfind('/') + 1) << ":" << place.line << ": came " << came << ", expected " << expected << "\n";
  tell(line.text());
}

void begin(const Suite& suite, const Test& test) {
  TextBuffer<200> line;
  line << "guest: " << suite.name << ": " << test.name << test.row_name << "\n";
  tell(line.text());
  progress.holds = true;
  progress.actors = 0;
  for (progress.next_register = first_fresh; progress.next_register < fresh_end; ++progress.next_register) {
    clear({static_cast<uint8_t>(progress.next_register)});
  }
  progress.next_register = first_fresh;
}

// No notice may be left: ours is the only one that comes.
void expect_silence() {
  constexpr uint64_t last_bit = uint64_t{1} << 63;
  progress.next_register = first_fresh;
  const NoticeCapability notice = new_notice(last_bit);
  done(notice.post());
  Message message;
  reply_and_wait(nothing, message);
  expect(message.delivery, Delivery::notices);
  expect(message.words[0], last_bit);
}

void make(const Suite& suite, const Test& test) {
  begin(suite, test);
  const auto before = all_tests.status();
  done(all_tests.create_sub_bank(bank_unlimited, bank.at));
  test.run(test.row);
  expect_silence();
  done(bank.destroy());
  const auto behind = all_tests.status();
  holds(before && behind && before->used == behind->used && behind->banks_below == 0);
  ++(progress.holds ? progress.passed : progress.failed);
}

void make_all() {
  for (const Suite* suite : suites) {
    for (const auto table : suite->tables) {
      for (const Test& test : table) make(*suite, test);
    }
  }
}

// Runs when no other program is ready, and then answers the caller that waits for that.
[[noreturn]] void be_idle() {
  Message message;
  CapabilityRegister answer_to = nothing;
  while (true) {
    reply_and_wait(answer_to, message);
    answer_to = registers::resume;
  }
}

}  // namespace

bool check_equal(uint64_t came, uint64_t expected, Place place) {
  ++progress.checks;
  if (came == expected) return true;
  TextBuffer<24> first, second;
  first << Hexadecimal{came};
  second << Hexadecimal{expected};
  tell_failure(place, first.text(), second.text());
  return false;
}

bool check_result(Result came, Result expected, Place place) {
  ++progress.checks;
  if (came == expected) return true;
  tell_failure(place, name_of(came), name_of(expected));
  return false;
}

unsigned next_actor() {
  if (progress.actors == actors_max) __builtin_trap();
  return progress.actors++;
}

CapabilityRegister fresh() {
  if (progress.next_register == fresh_end) __builtin_trap();
  return {static_cast<uint8_t>(progress.next_register++)};
}

void rest() {
  Message message;
  (void)call(idler, message);
}

}  // namespace perdure::guest

namespace perdure {

void program(uint64_t argument) {
  using namespace guest;
  if (argument == idler_argument) be_idle();
  for (uint64_t round = 0; round < argument; ++round) make_all();
  TextBuffer<120> line;
  line << "guest: " << progress.passed << " tests passed, " << progress.failed << " failed, " << progress.checks
       << " checks\n";
  tell(line.text());
  // Told again in another boot, if a cut came before the end.
  while (true) {
    tell(line.text());
    const auto now = the_clock.now();
    (void)checkpoint.power_off(0, now->boot_epoch);
    (void)the_clock.wait_restart(now->boot_epoch);
  }
}

}  // namespace perdure
