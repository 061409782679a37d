// SPDX-License-Identifier: MIT
//
// An image as an enemy makes it: all checksums hold, what they cover is a lie. Capabilities stand in
// slots for which they were never meant, fields hold the worst numbers, rows name each other in
// circles. One seed, one forgery.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "checkpoint/layout.hpp"
#include "objects/capability.hpp"
#include "test/support/simulated_disk.hpp"

namespace perdure {

class ForgedImage {
 public:
  using BlockAt = std::function<std::byte*(BlockIndex)>;

  // The newest generation of the image, which is entirely at home.
  ForgedImage(BlockAt, uint64_t seed);

  // So many lies, sealed.
  void forge(unsigned lies);
  // One field of an object, or a slot, that the caller chooses; the frame has a body.
  std::byte* body(FrameNumber);
  // Of a body that was changed by hand.
  void seal_body(FrameNumber);
  void seal_root();
  Root& root() { return root_; }

  // What was changed, a line each.
  const std::string& told() const { return told_; }

 private:
  struct Frame {
    FrameNumber number;
    Kind kind = Kind::empty;  // what it really is
    Tag tag;
  };
  void read_root();
  void read_frames();
  void read_capabilities(const Frame&);
  void lie();
  void lie_in_slot(Frame&);
  void lie_in_field(Frame&);
  void lie_in_header(Frame&);
  void lie_in_system();
  void lie_in_tag(Frame&);
  void seal_tag(const Frame&);
  void put_extreme(std::byte* at, unsigned bytes);
  uint64_t extreme();
  unsigned random_object(const Frame&);
  Capability random_capability();
  std::vector<size_t> slots_of(Kind, unsigned index) const;
  void tell(const Frame&, const std::string& what);

  BlockAt block_at_;
  Random random_;
  Root root_;
  unsigned root_slot_ = 0;
  std::vector<Frame> frames_;  // those with a body that are no pages
  std::vector<Capability> capabilities_;
  std::string told_;
};

}  // namespace perdure
