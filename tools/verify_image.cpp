// SPDX-License-Identifier: MIT
#include "tools/verify_image.hpp"

#include "tools/bank_books.hpp"
#include "tools/check_activities.hpp"
#include "tools/check_objects.hpp"

namespace perdure {
namespace {

// Reading a body compares its checksum. What the tags have lost is reported by whoever read them.
void check_bodies(const FrameReader& frames, Findings& findings, const ShowProgress& show) {
  for (uint64_t n = 0; n < frames.frontier(); ++n) {
    if (show && n % 256 == 0) show(n, frames.frontier());
    const FrameIdentity& identity = frames.identity({n});
    if (identity.kind == Kind::empty || frames.bytes({n})) continue;
    findings.add("frame " + std::to_string(n) + " (" + std::string(info(identity.kind).name) +
                 "): its bytes do not match their checksum");
  }
}

}  // namespace

Verification verify_frames(const FrameReader& frames, Findings& findings, const ShowProgress& show) {
  Verification result;
  check_bodies(frames, findings, show);
  result.objects = check_objects(frames, findings);
  check_activities(frames, findings);
  const auto books = BankBooks::find(frames, findings);
  if (!books) return result;
  result.has_bank_server = true;
  result.banks = books->bank_count();
  result.books_compared = books->is_complete();
  if (result.books_compared) check_books(frames, *books, findings);
  return result;
}

}  // namespace perdure
