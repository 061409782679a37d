// SPDX-License-Identifier: MIT
#include "checkpoint/report_writer.hpp"

#include <cstring>

#include "checkpoint/layout.hpp"

namespace perdure {
namespace {

constexpr uint64_t own_token = ~uint64_t{0};

}  // namespace

bool ReportWriter::write(const Report& report, unsigned in_flight, Clock now_ns) {
  if (disk_ == nullptr) return false;
  const uint64_t begin_ns = now_ns();
  end_requests(in_flight, now_ns, begin_ns + patience_ns / 2);
  std::memset(memory_, 0, memory_bytes);
  const size_t length = make_report({memory_, memory_bytes}, report.text, report.boot_epoch, report.generation);
  const auto blocks = static_cast<uint32_t>((length + block_bytes - 1) / block_bytes);
  const DiskRequest write{DiskRequest::Operation::write, report_start.value, blocks, memory_, own_token};
  const DiskRequest flush{.operation = DiskRequest::Operation::flush, .token = own_token};
  const uint64_t until_ns = begin_ns + patience_ns;
  // A failed flush may have dropped the write: both again.
  while (now_ns() < until_ns) {
    if (carry_out(write, now_ns, until_ns) && carry_out(flush, now_ns, until_ns)) return true;
  }
  return false;
}

void ReportWriter::end_requests(unsigned in_flight, Clock now_ns, uint64_t until_ns) {
  while (in_flight > 0 && now_ns() < until_ns) {
    if (disk_->poll()) --in_flight;
  }
}

// True: it has ended well.
bool ReportWriter::carry_out(const DiskRequest& request, Clock now_ns, uint64_t until_ns) {
  while (!disk_->submit(request)) {
    if (now_ns() >= until_ns) return false;
    static_cast<void>(disk_->poll());
  }
  while (now_ns() < until_ns) {
    const auto completion = disk_->poll();
    if (completion && completion->token == own_token) return !completion->failed;
  }
  return false;
}

}  // namespace perdure
