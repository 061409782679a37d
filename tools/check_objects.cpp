// SPDX-License-Identifier: MIT
#include "tools/check_objects.hpp"

#include <cstring>
#include <set>

#include "objects/frame_check.hpp"
#include "objects/process.hpp"
#include "objects/rows.hpp"

namespace perdure {
namespace {

bool is_all_zero(const std::byte* bytes, size_t length) {
  return length == 0 || (bytes[0] == std::byte{0} && std::memcmp(bytes, bytes + 1, length - 1) == 0);
}

// Calls `each(capability, where)` for all capabilities of one object.
template <typename Each>
void for_each_capability(Kind kind, const std::byte* object, Each each) {
  const auto all = [&](const std::byte* first, size_t count, const char* where) {
    for (size_t i = 0; i < count; ++i) {
      Capability capability;
      std::memcpy(&capability, first + i * sizeof(capability), sizeof(capability));
      each(capability, std::string(where) + (count > 1 ? " " + std::to_string(i) : ""));
    }
  };
  switch (kind) {
    case Kind::capability_page: return all(object, capabilities_per_page, "slot");
    case Kind::process:
      all(object + offsetof(Process, control) + offsetof(ProcessControl, activity), 1, "activity");
      all(object + offsetof(Process, space), 1, "space");
      all(object + offsetof(Process, keeper), 1, "keeper");
      all(object + offsetof(Process, schedule), 1, "schedule");
      all(object + offsetof(Process, brand), 1, "brand");
      return all(object + offsetof(Process, capability_registers), capability_register_count, "register");
    case Kind::node:
      all(object + offsetof(Node, keeper), 1, "keeper");
      return all(object + offsetof(Node, slots), node_slot_count, "slot");
    case Kind::wrapper: return all(object + offsetof(Wrapper, target), 1, "target");
    case Kind::endpoint: return all(object + offsetof(Endpoint, receiver), 1, "receiver");
    case Kind::notice: return all(object + offsetof(Notice, receiver), 1, "receiver");
    default: return;
  }
}

class ObjectCheck {
 public:
  ObjectCheck(const FrameReader& frames, Findings& findings) : frames_(frames), findings_(findings) {}

  uint64_t everything() {
    for (uint64_t n = 0; n < frames_.frontier(); ++n) frame({n});
    return object_count_;
  }

 private:
  void frame(FrameNumber number) {
    const FrameIdentity& identity = frames_.identity(number);
    const std::byte* bytes = frames_.bytes(number);
    if (!bytes || !check_stored_frame(identity, bytes).empty()) return;  // verify_bodies tells of it
    const Kind kind = identity.kind;
    const std::string name = name_of_frame(number, kind);
    if (kind == Kind::empty) {
      if (identity.account.value != 0) findings_.add(name + ": empty, but has an account");
      return;
    }
    if (is_row(kind)) row(number, name, identity, bytes);
    else object(kind, ObjectId::of(number), bytes);
  }

  static std::string name_of_frame(FrameNumber number, Kind kind) {
    return "frame " + std::to_string(number.value) + " (" + std::string(info(kind).name) + ")";
  }

  void row(FrameNumber number, const std::string& name, const FrameIdentity& identity,
           const std::byte* bytes) {
    const Kind kind = identity.kind;
    RowHeader header;
    std::memcpy(&header, bytes, sizeof(header));
    if (kind != Kind::activity && (header.next.value != 0 || header.previous.value != 0)) {
      findings_.add(name + ": stands in the restart list");
    }
    std::set<uint64_t> versions;
    for (unsigned i = 0; i < info(kind).objects_per_frame; ++i) {
      const ObjectId id = ObjectId::of(number, i);
      const size_t length = info(kind).object_bytes;
      const std::byte* place = bytes + row_header_bytes + i * length;
      if (!(header.allocated >> i & 1)) {
        if (!is_all_zero(place, length)) findings_.add(name_of_object(kind, id) + ": free, but not zero");
        continue;
      }
      if (!versions.insert(version_of(identity, bytes, i).value).second) {
        findings_.add(name_of_object(kind, id) + ": another object of its row has the same version");
      }
      object(kind, id, place);
    }
  }

  void object(Kind kind, ObjectId id, const std::byte* bytes) {
    ++object_count_;
    for_each_capability(kind, bytes, [&](const Capability& capability, const std::string& where) {
      const std::string wrong = wrong_with(capability);
      if (!wrong.empty()) findings_.add(name_of_object(kind, id) + ", " + where + ": " + wrong);
    });
  }

  // What is wrong between a well-formed capability and what it names; empty: nothing.
  std::string wrong_with(const Capability& c) const {
    if (c.type == CapabilityType::void_capability) {
      return same_authority(c, Capability{}) ? "" : "void capability that is not all zero";
    }
    if (c.type == CapabilityType::range) return wrong_with_range(c);
    return names_object(c.type) ? wrong_with_object_of(c) : "";
  }

  std::string wrong_with_range(const Capability& c) const {
    const uint64_t first = c.object.frame().value;
    const bool fits = first <= frames_.frame_count() && c.payload <= frames_.frame_count() - first;
    return fits ? "" : "range capability that reaches beyond the store";
  }

  std::string wrong_with_object_of(const Capability& c) const {
    const std::string type = std::string(info(c.type).name) + " capability";
    const FrameNumber number = c.object.frame();
    if (number.value >= frames_.frame_count()) return type + " to a frame beyond the store";
    if (number.value >= frames_.frontier()) return type + " to a frame that was never used";
    const FrameIdentity& identity = frames_.identity(number);
    if (c.version.value > identity.source.value) return type + " that is newer than its frame's version source";
    if (c.version != frames_.version_at(c.object)) return "";  // void: destroyed
    if (identity.kind == info(c.type).object_kind) return "";
    return type + " that names " + name_of_object(identity.kind, c.object);
  }

  const FrameReader& frames_;
  Findings& findings_;
  uint64_t object_count_ = 0;
};

}  // namespace

uint64_t check_objects(const FrameReader& frames, Findings& findings) {
  return ObjectCheck(frames, findings).everything();
}

}  // namespace perdure
