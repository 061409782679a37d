// SPDX-License-Identifier: MIT
//
// The banks of generation 0: the bank's own logic, run on the host over an arena in a buffer. All
// objects of the image are bought here, so that the books which the bank server finds at time
// zero tell of every one of them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "spacebank/genesis.hpp"
#include "tools/description.hpp"
#include "tools/new_image.hpp"
#include "tools/genesis_spaces.hpp"

namespace perdure {

class GenesisBanks : private bank::FrameMaker {
 public:
  GenesisBanks(NewImage&, const ImageDescription&);
  GenesisBanks(const GenesisBanks&) = delete;

  // Throws ToolError(usage) when the bank's limit or the store is too small.
  Capability buy(const Reference& bank, Kind);
  Buy buyer(const Reference& bank) {
    return [this, bank](Kind kind) { return buy(bank, kind); };
  }

  // The capability with which a bank is used: the client's facet of a wrapper in the bank's row.
  Capability facet(const std::string& bank, uint64_t restrictions);
  // All those wrappers, earlier and later ones, stand around this entry of the bank server.
  void lead_to(const Capability& distinguished);

  std::span<const std::byte> books() const { return std::as_bytes(std::span(memory_)); }
  uint32_t bank_count() const { return static_cast<uint32_t>(banks_.size()); }

 private:
  Result make(FrameNumber, Kind, Account, unsigned index) override;
  Expected<uint64_t, Result> rescind(FrameNumber first, uint64_t count) override;
  Result rescind_object(FrameNumber, unsigned index) override;
  Expected<uint64_t, Result> set_account(FrameNumber first, uint64_t count, Account) override;

  // The wrapper behind a facet, filled in if it was just made. → its control capability.
  Capability complete(const bank::GenesisFacet&);
  bank::Bank create(const BankDescription&);
  bank::Bank number_of(const std::string& name);

  NewImage& image_;
  const ImageDescription& description_;
  std::vector<uint64_t> memory_;  // words, for the alignment
  bank::Genesis genesis_;
  std::map<std::string, bank::Bank> banks_;
  std::vector<Capability> facets_;  // control of each wrapper
  Capability distinguished_;
};

}  // namespace perdure
