// SPDX-License-Identifier: MIT
#include "tools/verify_image.hpp"

#include "objects/frame_check.hpp"
#include "tools/bank_books.hpp"
#include "tools/check_activities.hpp"
#include "tools/check_objects.hpp"

namespace perdure {

// Reading a body compares its checksum.
std::string_view wrong_with_body(const FrameReader& frames, FrameNumber number) {
  const std::byte* bytes = frames.bytes(number);
  return bytes ? check_stored_frame(frames.identity(number), bytes) : "its bytes do not match their checksum";
}

// A frame that lost its tags has no kind, and is reported by the code that read the tags.
void verify_bodies(const FrameReader& frames, Findings& findings, const ShowProgress& show) {
  for (uint64_t n = 0; n < frames.frontier(); ++n) {
    if (show && n % 256 == 0) show(n, frames.frontier());
    const Kind kind = frames.identity({n}).kind;
    const std::string_view wrong = wrong_with_body(frames, {n});
    if (wrong.empty() || (kind == Kind::empty && !frames.bytes({n}))) continue;
    findings.add("frame " + std::to_string(n) + " (" + std::string(info(kind).name) + "): " + std::string(wrong));
  }
}

Verification verify_frames(const FrameReader& frames, Findings& findings, const ShowProgress& show) {
  Verification result;
  verify_bodies(frames, findings, show);
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
