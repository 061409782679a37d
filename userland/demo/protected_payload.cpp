// SPDX-License-Identifier: MIT
//
// B2: protected payload. A server hands out boxes as the library does it (runtime/distinguished.hpp):
// each is a wrapper around the server's distinguished entry, with the box's address as payload, and
// the address is believed because only the server can make it. A hostile client tries to: it puts
// wrappers of its own, with payloads of its own, around all that it holds. What it reaches is
// always the true object, or a refusal.
//
// The row plays the client: what it uses is what a client would hold.
#include "userland/demo/actor.hpp"
#include "userland/demo/rows.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/distinguished.hpp"

namespace perdure {

namespace {

// --- the server ------------------------------------------------------------------------------------

struct Boxes {
  static constexpr std::string_view name = "boxes";
  // Through the public entry: a new box, with N in it.
  static constexpr Method<PassedCapability(uint64_t)> make{"make", {"N"}};
  // Through a box.
  static constexpr Method<uint64_t()> read{"read"};
  static constexpr Method<void(uint64_t)> write{"write", {"N"}};
  static constexpr Method<void()> discard{"discard"};
  using Methods = MethodList<make, read, write, discard>;
};

struct Box {
  uint64_t number = 0;
};

// Its registers beyond bank and endpoint.
constexpr CapabilityRegister new_box{12};
constexpr Distinguished<Box> handed_out{{10}, {11}};

struct BoxServer {
  Box boxes[8];
  unsigned made = 0;
  uint64_t refused = 0;
  uint64_t misled = 0;  // believed, and none of the boxes: a real server would be lost here
};

Answer<Box*> box_of(BoxServer& server, const Call& call) {
  Box* const box = handed_out.object_of(call);
  if (box == nullptr) {
    ++server.refused;
    return std::unexpected(Result::missing_right);
  }
  for (Box& one : server.boxes) {
    if (&one == box) return box;
  }
  ++server.misled;
  return std::unexpected(Result::destroyed);
}

Answer<PassedCapability> make(BoxServer& server, const Call&, uint64_t number) {
  if (server.made == std::size(server.boxes)) return std::unexpected(Result::exhausted);
  Box& box = server.boxes[server.made];
  if (auto done = handed_out.hand_out({registers::bank}, &box, new_box); !done) {
    return std::unexpected(done.error());
  }
  ++server.made;
  box.number = number;
  return PassedCapability{new_box};
}

Answer<uint64_t> read(BoxServer& server, const Call& call) {
  const auto box = box_of(server, call);
  return box ? Answer<uint64_t>((*box)->number) : std::unexpected(box.error());
}

Answer<void> write(BoxServer& server, const Call& call, uint64_t number) {
  const auto box = box_of(server, call);
  if (!box) return std::unexpected(box.error());
  (*box)->number = number;
  return {};
}

Answer<void> discard(BoxServer& server, const Call& call) {
  const auto box = box_of(server, call);
  return box ? handed_out.take_back({registers::bank}, call) : std::unexpected(box.error());
}

BoxServer boxes;

[[noreturn]] void play_server(uint64_t) {
  if (!handed_out.begin({registers::endpoint})) wait_for_ever();
  serve<Boxes, make, read, write, discard>(boxes);
}

// --- the row -----------------------------------------------------------------------------------------

constexpr BankCapability home{work_register(0)};  // the server's
constexpr BankCapability clients_bank{work_register(1)};
constexpr ActorStart server = actor_in(2, home, play_server);
constexpr CapabilityRegister public_entry = server.entry;
constexpr CapabilityRegister my_box{work_register(6)};
constexpr CapabilityRegister neighbours_box{work_register(7)};
constexpr WrapperCapability outer[] = {{work_register(8)}, {work_register(9)}, {work_register(10)}};
constexpr CapabilityRegister forged{work_register(11)};
constexpr unsigned depth_max = std::size(outer);

uint64_t attempts = 0;

bool make_box(Stage& stage, uint64_t number, CapabilityRegister into) {
  return stage.done(Client<Boxes>{public_entry}.call_receiving<Boxes::make>(into, number), "making a box");
}

bool box_says(Stage& stage, CapabilityRegister box, uint64_t number) {
  const auto answer = Client<Boxes>{box}.call<Boxes::read>();
  return stage.done(answer, "reading a box") &&
         stage.require(*answer == number, "a box holds ", *answer, ", and not ", number);
}

bool set_up(Stage& stage) {
  ActorStart start = server;
  const Given given[] = {{registers::bank, home.at}};
  start.given = given;
  if (!stage.done(own_bank.create_sub_bank(64, home.at), "a bank for the server") ||
      !stage.done(own_bank.create_sub_bank(64, clients_bank.at), "a bank for the client") ||
      !start_actor(stage, start) || !make_box(stage, 100, my_box) || !make_box(stage, 101, neighbours_box)) {
    return false;
  }
  for (const WrapperCapability& one : outer) {
    if (!stage.done(clients_bank.allocate(Kind::wrapper, one.at), "the client's wrapper")) return false;
  }
  return box_says(stage, my_box, 100) && box_says(stage, neighbours_box, 101) &&
         stage.say("a server with two boxes, each the payload of a wrapper; the client holds one");
}

// `depth` wrappers of the client's own around `target`, each with this payload and asking for the
// control capability.
bool wrap(Stage& stage, CapabilityRegister target, uint64_t payload, unsigned depth) {
  CapabilityRegister inner = target;
  for (unsigned i = 0; i < depth; ++i) {
    if (!stage.done(outer[i].set_target(inner), "wrapping") ||
        !stage.done(outer[i].set_payload(payload), "wrapping") ||
        !stage.done(outer[i].set_hand_over(true), "wrapping") ||
        !stage.done(outer[i].client(forged), "wrapping")) {
      return false;
    }
    inner = forged;
  }
  return true;
}

// Everything that a client might hope to be an address, or a bank.
template <typename Try>
bool with_each_payload(Stage& stage, CapabilityRegister target, const Try& attempt) {
  const uint64_t neighbour = reinterpret_cast<uint64_t>(&boxes.boxes[1]);
  const uint64_t payloads[] = {0, ~uint64_t{0}, neighbour, neighbour + 1, distinguished_payload,
                               bank_facet_payload(bank_root_account, 0), uint64_t{1} << 63};
  for (unsigned depth = 1; depth <= depth_max; ++depth) {
    for (const uint64_t payload : payloads) {
      ++attempts;
      if (!wrap(stage, target, payload, depth) || !attempt()) return false;
    }
  }
  return true;
}

bool attack_naked_entry(Stage& stage) {
  const auto attempt = [&] {
    const auto answer = Client<Boxes>{forged}.call<Boxes::read>();
    return stage.require(!answer && answer.error() == Result::missing_right,
                         "the naked entry in a wrapper reaches a box");
  };
  return with_each_payload(stage, public_entry, attempt) &&
         stage.require(boxes.misled == 0, "the server was misled") &&
         stage.say("the naked entry, wrapped by the client: refused, ", boxes.refused, " times");
}

bool attack_wrapped_entry(Stage& stage) {
  uint64_t number = 1000;
  const auto attempt = [&] {
    ++number;
    const auto written = Client<Boxes>{forged}.call<Boxes::write>(number);
    return stage.done(written, "writing through an outer wrapper") && box_says(stage, my_box, number) &&
           box_says(stage, neighbours_box, 101);
  };
  return with_each_payload(stage, my_box, attempt) &&
         stage.require(boxes.misled == 0, "the server was misled") &&
         stage.say("the own box, wrapped again: always the own box, the neighbour's as it was");
}

bool attack_bank(Stage& stage) {
  const auto own = clients_bank.status();
  if (!stage.done(own, "the client's bank")) return false;
  const auto attempt = [&] {
    const auto status = BankCapability{forged}.status();
    return stage.require(!status || status->account == own->account, "the client has got another's bank");
  };
  return with_each_payload(stage, clients_bank.at, attempt) &&
         stage.say("the own bank, wrapped again: always the own bank, or a refusal");
}

// Recognition without invoking: a capability that is wrapped twice is neither a genuine bank nor the server's own.
bool verify_forgeries(Stage& stage) {
  const auto attempt = [&] {
    const auto verified = own_bank.verify(forged);
    return stage.done(verified, "verifying") &&
           stage.require(!verified->is_genuine, "a forged bank is called genuine");
  };
  const auto not_mine = [&] {
    const auto identified = server.endpoint.identify(forged);
    return stage.done(identified, "identifying") &&
           stage.require(identified->how == Identified::not_mine, "a forgery is taken for the server's own");
  };
  return with_each_payload(stage, clients_bank.at, attempt) && with_each_payload(stage, my_box, not_mine) &&
         stage.say(attempts, " attempts in all; verify and identify tell every forgery");
}

// The server takes back the wrapper that is its own, whatever stands in front of it.
bool discard_through_forgery(Stage& stage) {
  if (!wrap(stage, my_box, reinterpret_cast<uint64_t>(&boxes.boxes[1]), depth_max) ||
      !stage.done(Client<Boxes>{forged}.call<Boxes::discard>(), "discarding through outer wrappers")) {
    return false;
  }
  const auto mine = outer[0].get();
  return stage.require_void(my_box, "the discarded box") && box_says(stage, neighbours_box, 101) &&
         stage.done(mine, "the client's own wrapper") &&
         stage.refused(ask_type(forged), Result::void_capability, "what is left of the forgery") &&
         stage.say("discarded through three wrappers: the own box is void, nothing else is");
}

constexpr Step steps[] = {set_up,      attack_naked_entry, attack_wrapped_entry,
                          attack_bank, verify_forgeries,   discard_through_forgery};

}  // namespace

Steps steps_of_protected_payload() { return steps; }

}  // namespace perdure
