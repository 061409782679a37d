// SPDX-License-Identifier: MIT
//
// Whether the disk is well, for reads and for writes. The client is told, once when it is not and once when it
// is again. Nothing is decided here.
//
//   well --fails, and nothing succeeds for a second--> ill (told) --one succeeds--> well (told)
//         --one request is under way for ten seconds--^
#pragma once

#include <cstdint>

#include "checkpoint/disk.hpp"
#include "checkpoint/store_client.hpp"

namespace perdure {

class DiskHealth {
 public:
  static constexpr uint64_t failing_ns = 1'000'000'000;   // before it is told
  static constexpr uint64_t pending_ns = 10'000'000'000;  // before it is told
  static constexpr uint64_t look_ns = 1'000'000'000;      // between two looks at what is under way

  void open(StoreClient& client) { client_ = &client; }
  void failed(DiskRequest::Operation operation, uint64_t now_ns) {
    Side& side = side_of(operation);
    if (!side.failing) side.since_ns = now_ns;
    side.failing = true;
    if (now_ns - side.since_ns >= failing_ns) tell(side, operation);
  }
  void succeeded(DiskRequest::Operation operation, uint64_t now_ns) {
    Side& side = side_of(operation);
    side.failing = false;
    if (!side.is_told) return;
    side.is_told = false;
    client_->disk_is_well(operation, now_ns - side.since_ns);
  }
  bool look_is_due(uint64_t now_ns) {
    if (now_ns < next_look_ns_) return false;
    next_look_ns_ = now_ns + look_ns;
    return true;
  }
  // One request has not ended yet.
  void is_pending(DiskRequest::Operation operation, uint64_t since_ns, uint64_t now_ns) {
    Side& side = side_of(operation);
    if (now_ns - since_ns < pending_ns || side.is_told) return;
    side.since_ns = since_ns;
    tell(side, operation);
  }

 private:
  struct Side {
    uint64_t since_ns = 0;
    bool failing = false;
    bool is_told = false;
  };
  // A flush is a kind of writing.
  Side& side_of(DiskRequest::Operation operation) {
    return operation == DiskRequest::Operation::read ? reads_ : writes_;
  }
  void tell(Side& side, DiskRequest::Operation operation) {
    if (side.is_told) return;
    side.is_told = true;
    client_->disk_is_ill(operation);
  }

  StoreClient* client_ = nullptr;
  Side reads_, writes_;
  uint64_t next_look_ns_ = 0;
};

}  // namespace perdure
