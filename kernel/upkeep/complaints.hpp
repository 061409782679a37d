// SPDX-License-Identifier: MIT
//
// How often the console is told of the same trouble: at once, then at intervals that double, with the
// number of times that were left out. A sick disk must not drown the person who is to mend it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace perdure {

class Complaints {
 public:
  static constexpr uint64_t interval_min_ns = 10'000'000'000;
  static constexpr uint64_t interval_max_ns = 640'000'000'000;
  static constexpr size_t kinds = 8;

  // Nothing: not now. Else how often the same was left out since it was last said. `what` is static
  // text, known by its address; the kind that was said the longest ago makes room for a new one.
  std::optional<uint32_t> may_say(std::string_view what, uint64_t now_ns) {
    Complaint& complaint = find(what);
    if (complaint.what != what.data()) {
      complaint = {what.data(), now_ns, interval_min_ns, 0};
      return 0;
    }
    if (now_ns - complaint.said_ns < complaint.interval_ns) {
      ++complaint.left_out;
      return {};
    }
    const bool was_quiet = now_ns - complaint.said_ns >= 2 * complaint.interval_ns && complaint.left_out == 0;
    complaint.interval_ns = was_quiet ? interval_min_ns : longer(complaint.interval_ns);
    complaint.said_ns = now_ns;
    const uint32_t left_out = complaint.left_out;
    complaint.left_out = 0;
    return left_out;
  }

 private:
  struct Complaint {
    const char* what = nullptr;
    uint64_t said_ns = 0;
    uint64_t interval_ns = 0;
    uint32_t left_out = 0;
  };
  static uint64_t longer(uint64_t interval_ns) {
    return interval_ns < interval_max_ns ? 2 * interval_ns : interval_ns;
  }
  Complaint& find(std::string_view what) {
    Complaint* oldest = &complaints_[0];
    for (Complaint& complaint : complaints_) {
      if (complaint.what == what.data()) return complaint;
      if (complaint.what == nullptr || (oldest->what != nullptr && complaint.said_ns < oldest->said_ns)) oldest = &complaint;
    }
    return *oldest;
  }

  std::array<Complaint, kinds> complaints_{};
};

}  // namespace perdure
