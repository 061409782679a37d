// SPDX-License-Identifier: MIT
#include "tools/program_names.hpp"

#include "objects/frame_check.hpp"
#include "objects/rows.hpp"
#include "spacebank/interface.hpp"
#include "userland/runtime/layout.hpp"
#include "userland/runtime/recipe.hpp"

namespace perdure {

ProgramNames::ProgramNames(const FrameReader& image) : image_(image) {
  for (FrameNumber number{0}; number.value < image.frontier(); ++number.value) {
    const FrameIdentity& identity = image.identity(number);
    if (identity.kind != Kind::capability_page) continue;
    if (identity.account.value != bank_root_account) continue;
    const std::byte* page = image.bytes(number);
    if (page && check_frame(identity, page).empty()) read_recipe(page);
  }
}

std::string ProgramNames::of(const Process& process) const {
  const Node* root = process.space.type == CapabilityType::node ? image_.find<Node>(process.space) : nullptr;
  if (!root) return "";
  const Capability& text = root->slots[layout::text_slot];
  const auto found = names_.find(text.object.value);
  return found == names_.end() || found->second.version != text.version ? "" : found->second.name;
}

void ProgramNames::read_recipe(const std::byte* page) {
  const auto* slots = reinterpret_cast<const Capability*>(page);
  const Capability& revision = slots[recipe::revision_slot];
  const Capability& text = slots[recipe::text_slot];
  if (revision.type != CapabilityType::number || revision.payload != recipe::revision_word) return;
  if (!text.is_memory()) return;
  std::string name;
  for (unsigned i = 0; i < recipe::name_length_max; ++i) {
    const auto character = static_cast<char>(slots[recipe::name_slot + i / 8].payload >> 8 * (i % 8));
    if (character == 0) break;
    name += character < ' ' || character > '~' ? '?' : character;
  }
  names_[text.object.value] = {text.version, name};
}

}  // namespace perdure
