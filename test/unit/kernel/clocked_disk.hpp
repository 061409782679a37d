// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <functional>
#include <set>

#include "test/support/fake_machine.hpp"
#include "test/support/memory_disk.hpp"

namespace perdure {

// Each request takes a time of the machine's clock; reads of bad places fail.
class ClockedDisk final : public Disk {
 public:
  explicit ClockedDisk(MemoryDisk& disk) : disk_(disk) {}
  uint64_t size_blocks() const override { return disk_.size_blocks(); }
  bool submit(const DiskRequest& request) override {
    if (waiting_.size() >= 32) return false;
    waiting_.push_back({request, fake_machine().now_ns + (latency_of ? latency_of(request) : 0)});
    return true;
  }
  std::optional<DiskCompletion> poll() override {
    for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
      if (at->due_ns > fake_machine().now_ns) continue;
      const DiskRequest request = at->request;
      waiting_.erase(at);
      if (request.operation == DiskRequest::Operation::read && bad.contains(request.block)) {
        return DiskCompletion{.token = request.token, .failed = true};
      }
      disk_.submit(request);
      return disk_.poll();
    }
    return std::nullopt;
  }
  void power_cut() { waiting_.clear(); }
  std::function<uint64_t(const DiskRequest&)> latency_of;  // ns
  void let_reads_take(uint64_t ns) {
    latency_of = [ns](const DiskRequest& request) { return request.operation == DiskRequest::Operation::read ? ns : 0; };
  }
  std::set<uint64_t> bad;  // blocks

 private:
  struct Waiting {
    DiskRequest request;
    uint64_t due_ns;
  };
  MemoryDisk& disk_;
  std::deque<Waiting> waiting_;
};

}  // namespace perdure
