// SPDX-License-Identifier: MIT
//
// Everything that recovery and a running machine rely on, checked: roots, header, summaries, tags
// (by opening), then the bodies, the objects, the activities and the bank's books.
#pragma once

#include <functional>

#include "tools/findings.hpp"
#include "tools/frame_reader.hpp"

namespace perdure {

struct Verification {
  uint64_t objects = 0;
  uint64_t banks = 0;
  bool has_bank_server = false;
  bool books_compared = false;  // not if the bank server was in the middle of a request
};

using ShowProgress = std::function<void(uint64_t done, uint64_t all)>;

// What a machine calls unreadable, by the same rules: each body by itself. Opening has judged roots, log and tags.
void verify_bodies(const FrameReader&, Findings&, const ShowProgress& = {});
// Of one frame; empty: it can be read.
std::string_view wrong_with_body(const FrameReader&, FrameNumber);
// All of it.
Verification verify_frames(const FrameReader&, Findings&, const ShowProgress& = {});

}  // namespace perdure
