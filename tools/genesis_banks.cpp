// SPDX-License-Identifier: MIT
#include "tools/genesis_banks.hpp"

#include "spacebank/interface.hpp"
#include "tools/tool_error.hpp"
#include "userland/runtime/layout.hpp"

namespace perdure {
namespace {

[[noreturn]] void fail(const std::string& message) { throw ToolError(ExitStatus::usage, message); }

// The books must fit into the place that a space has for them.
uint64_t checked(uint64_t frame_count) {
  if (frame_count < bank::frames_min) fail("a disk with fewer than 8 frames");
  if (bank::arena_bytes(frame_count) > layout::arena_bytes_max) {
    fail("a disk of " + std::to_string(frame_count) + " frames is too large: the bank's books have " +
         std::to_string(layout::arena_bytes_max) + " bytes, and would need " +
         std::to_string(bank::arena_bytes(frame_count)));
  }
  return frame_count;
}

bank::Genesis begin(std::vector<uint64_t>& memory, uint64_t frame_count, bank::FrameMaker& maker) {
  const auto genesis =
      bank::Genesis::begin(std::as_writable_bytes(std::span(memory)), frame_count, maker);
  if (!genesis) fail("no books can be made for " + std::to_string(frame_count) + " frames");
  return *genesis;
}

}  // namespace

GenesisBanks::GenesisBanks(NewImage& image, const ImageDescription& description)
    : image_(image),
      description_(description),
      memory_(bank::arena_bytes(checked(image.frame_count())) / sizeof(uint64_t)),
      genesis_(begin(memory_, image.frame_count(), *this)) {
  complete(genesis_.root().facet);
  for (const BankDescription& bank : description_.banks) number_of(bank.name);
}

bank::Bank GenesisBanks::number_of(const std::string& name) {
  const auto found = banks_.find(name);
  if (found != banks_.end()) return found->second;
  const bank::Bank made = create(*find_named(description_.banks, name));
  banks_[name] = made;
  return made;
}

bank::Bank GenesisBanks::create(const BankDescription& description) {
  const auto refuse = [&](const std::string& what, Result why) {
    description_error(description_.file_name, description.line,
                      what + " '" + description.name + "': " + std::string(name_of(why)));
  };
  const uint64_t limit = description.limit.value_or(bank_unlimited);
  if (description.parent.is_given()) {
    const auto made = genesis_.create_bank(number_of(description.parent.name), limit);
    if (!made) refuse("cannot make the bank", made.error());
    complete(made->facet);
    return made->bank;
  }
  if (description.limit) {
    const auto done = genesis_.set_limit(bank::Bank::root, limit);
    if (!done) refuse("cannot limit the bank", done.error());
  }
  return bank::Bank::root;
}

Capability GenesisBanks::buy(const Reference& bank, Kind kind) {
  const bank::Bank payer = bank.is_given() ? number_of(bank.name) : bank::Bank::root;
  const auto place = genesis_.buy(payer, kind);
  if (!place) {
    const std::string who = bank.is_given() ? "bank '" + bank.name + "'" : "the root bank";
    fail(description_.file_name + ":" + std::to_string(bank.line) + ": " + who + " cannot buy a " +
         std::string(info(kind).name) + ": " + std::string(name_of(place.error())) +
         "; give it a larger limit, or the image a larger --size");
  }
  return image_.capability_to(frame_number(place->frame), place->index);
}

Capability GenesisBanks::facet(const std::string& bank, uint64_t restrictions) {
  const auto facet = genesis_.facet(number_of(bank), restrictions);
  if (!facet) fail("no capability to bank '" + bank + "': " + std::string(name_of(facet.error())));
  Capability capability = complete(*facet);
  capability.type = CapabilityType::wrapped;
  return capability;
}

Capability GenesisBanks::complete(const bank::GenesisFacet& facet) {
  const Capability control = image_.capability_to(frame_number(facet.place.frame), facet.place.index);
  if (facet.is_fresh) {
    Wrapper& wrapper = image_.object<Wrapper>(control);
    wrapper.target = distinguished_;
    wrapper.payload = facet.payload;
    facets_.push_back(control);
  }
  return control;
}

void GenesisBanks::lead_to(const Capability& distinguished) {
  distinguished_ = distinguished;
  for (const Capability& control : facets_) image_.object<Wrapper>(control).target = distinguished;
}

Result GenesisBanks::make(FrameNumber frame, Kind kind, Account account, unsigned index) {
  image_.make(frame, kind, account, index);
  return Result::ok;
}

Expected<uint64_t, Result> GenesisBanks::rescind(FrameNumber first, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    perdure::rescind(image_.frame({first.value + i}).identity);
  }
  return count;
}

Result GenesisBanks::rescind_object(FrameNumber frame, unsigned index) {
  NewImage::Frame& holder = image_.frame(frame);
  destroy_in_row(holder.identity, holder.bytes.data(), index);
  return Result::ok;
}

Expected<uint64_t, Result> GenesisBanks::set_account(FrameNumber first, uint64_t count,
                                                     Account account) {
  for (uint64_t i = 0; i < count; ++i) {
    FrameIdentity& identity = image_.frame({first.value + i}).identity;
    if (identity.kind != Kind::empty) identity.account = account;
  }
  return count;
}

}  // namespace perdure
