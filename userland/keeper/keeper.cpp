// SPDX-License-Identifier: MIT
//
// The demand-zero keeper: one server for all programs of the image. At a fault in a region that
// is filled on demand it buys a page from the bank in the space's own pocket (slot 15 of its
// root node) and puts it there. It keeps no state: everything is in the space it is handed.
//
// It waits only for the bank: a capability that a client supplies is classified before it is
// invoked, so that only nodes (the kernel's) and genuine banks (verified by its own bank) ever are.
// So a client can refuse itself memory, and nothing worse.
//
// Its registers, set by the image description:
//   3 its bank (only to verify others)   4 its endpoint   8 the discriminator
#include "userland/interfaces/keeper.hpp"

#include "userland/runtime/server.hpp"
#include "userland/runtime/space_builder.hpp"

namespace perdure {

namespace {

constexpr DiscriminatorCapability discriminator{CapabilityRegister{8}};
constexpr BankCapability own_bank{registers::bank};
constexpr CapabilityRegister pocket{9};
constexpr SpaceRegisters space_registers{10};
static_assert(10 + SpaceRegisters::count <= registers::argument[0].number);

struct NoState {};

// Is this a root node as program_start makes them?
Answer<> check_root(NodeCapability root) {
  const auto classified = discriminator.classify(root.at);
  if (!classified) return std::unexpected(classified.error());
  if (classified->type != CapabilityType::node) return std::unexpected(Result::wrong_type);
  const auto settings = root.get();
  if (!settings) return std::unexpected(settings.error());
  const bool as_expected = settings->slot_size == layout::root_slot_size &&
                           (settings->flags & Node::flag_pocket) != 0;
  return as_expected ? Answer<>{} : std::unexpected(Result::bad_argument);
}

Answer<> fetch_bank(NodeCapability root) {
  if (auto done = root.fetch(layout::pocket_slot, pocket); !done) return done;
  const auto verified = own_bank.verify(pocket);
  if (!verified) return std::unexpected(verified.error());
  return verified->is_genuine ? Answer<>{} : std::unexpected(Result::wrong_type);
}

Answer<> fault(NoState&, const Call&, uint64_t code, uint64_t address, uint64_t,
               PassedCapability node) {
  if (code != static_cast<uint64_t>(FaultCode::no_memory)) {
    return std::unexpected(Result::unsupported);
  }
  if (!layout::region_of(address)) return std::unexpected(Result::bad_argument);
  const NodeCapability root{node.at};
  if (auto done = check_root(root); !done) return done;
  if (auto done = fetch_bank(root); !done) return done;
  const SpaceBuilder builder{.bank = BankCapability{pocket},
                             .discriminator = discriminator,
                             .root = root,
                             .registers = space_registers};
  const auto placed = builder.place_new_page(address);
  // Two processes in one space: the other's fault was answered first, or it changes the space.
  // The access is made again; if it faults for ever, that costs only the program's own time.
  if (!placed && placed.error() == Result::in_use) return {};
  return placed;
}

}  // namespace

void program(uint64_t) {
  NoState state;
  serve<Keeper, fault>(state);
}

}  // namespace perdure
