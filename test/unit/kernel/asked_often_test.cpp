// SPDX-License-Identifier: MIT
//
// Tries to keep a call that meets lost frames from ever ending, or a process from ever being told: others ask for the same
// frames again and again, on a disk that takes its time, so that one of them would always be on its way.
#include <catch2/catch.hpp>

#include <deque>

#include "test/unit/kernel/rows.hpp"

using namespace perdure;

namespace {

constexpr unsigned asked_register = 3;

// Others run while it reads.
class SlowDisk final : public Disk {
 public:
  explicit SlowDisk(MemoryDisk& disk) : disk_(disk) {}
  uint64_t size_blocks() const override { return disk_.size_blocks(); }
  bool submit(const DiskRequest& request) override {
    ends_.push_back(polls_ + latency);
    return disk_.submit(request);
  }
  std::optional<DiskCompletion> poll() override {
    ++polls_;
    if (ends_.empty() || ends_.front() > polls_) return std::nullopt;
    ends_.pop_front();
    return disk_.poll();
  }
  unsigned latency = 0;  // in polls

 private:
  MemoryDisk& disk_;
  uint64_t polls_ = 0;
  std::deque<uint64_t> ends_;
};

// Rows of activities of which some are lost, and guests that ask for what is in one of them, in every other step.
struct AskedOften {
  AskedOften(unsigned row, std::initializer_list<unsigned> lost_rows, unsigned asker_count, unsigned latency) {
    for (unsigned i = 0; i < asker_count; ++i) {
      rows.world.write(rows.guests[i].process);
      rows.world.set_program(rows.guests[i], [this, computes = false](Process& p) mutable {
        if (!is_on || (computes = !computes)) return;
        KernelWorld::invoke(p, Invocation::call, asked_register, {method::type});
      });
      rows.world.process(rows.guests[i]).capability_registers[asked_register] = rows.guests[row].activity;
    }
    rows.world.write(rows.owner.process);
    rows.world.process(rows.owner).capability_registers[asked_register] = rows.guests[row].activity;
    rows.world.page_out({});
    for (const unsigned lost_row : lost_rows) rows.damage(rows.row(lost_row));
    disk = std::make_unique<SlowDisk>(rows.world.disk());
    rows.world.disk().forget_completions();
    rows.world.boot(*disk);
    rows.world.start();
    run_checked(rows.world, 200);
    disk->latency = latency;
    is_on = true;
    run_checked(rows.world, 200);
  }

  bool is_on = false;
  Rows rows{6};
  std::unique_ptr<SlowDisk> disk;
};

}  // namespace

TEST_CASE("a row is destroyed between two that are lost, whatever other process asks for one of these again and again") {
  const unsigned asked = GENERATE(1u, 3u);
  const unsigned latency = GENERATE(1u, 3u, 7u, 20u, 50u, 200u);
  CAPTURE(asked, latency);
  AskedOften often(asked, {1, 3}, 1, latency);
  CHECK(often.rows.destroy(often.rows.row(2)) == Result::ok);
}

TEST_CASE("all who ask for a lost frame are told, however many ask, and how often") {
  const unsigned askers = GENERATE(1u, 2u, 3u);
  const unsigned latency = GENERATE(1u, 7u, 20u, 50u);
  CAPTURE(askers, latency);
  AskedOften often(4, {4}, askers, latency);
  for (unsigned i = 0; i < 20; ++i) CHECK(often.rows.ask(call(asked_register, {method::type})) == Result::unreadable);
}
