// SPDX-License-Identifier: MIT
//
// What the fast path must not believe. A client calls a server through a wrapper, and all is at hand; then
// one thing of it is a lie, of the kind that a destruction and another use of the place leave behind. The
// fast path has to leave that call alone, and the client is told what the general path tells.
#include <catch2/catch.hpp>

#include <array>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ok = static_cast<uint64_t>(Result::ok);

class Scene {
 public:
  explicit Scene(bool fast) {
    world.use_fast_path = fast;
    server = world.new_guest(perdure::server([this](Process& process) {
      heard.push_back(process.registers.rax & 0xff);
      if (const auto act = std::exchange(before_answer, nullptr)) act(*this);
      return 7;
    }));
    world.open_new_rows();
    const auto call_again = [this](Process& process) { call(5, {}, sent)(process); };
    client = world.new_guest(steps({call(5), note(seen), call_again, note(seen)}));
    world.let_receive(server);
    control = world.make(Kind::wrapper);
    world.object<Wrapper>(control).target = KernelWorld::entry(server);
    invoked() = KernelWorld::client_of(control);
    world.start();
    while (seen.empty()) REQUIRE(world.step());  // once, to bring all to hand
    while (world.process(server).control.state != ProcessState::receiving) REQUIRE(world.step());
    seen.clear();
    heard.clear();
    world.fast_count = 0;
    invoked().hint = slot_of(control.object);
    wrapper().target.hint = slot_of(server.endpoint.object);
    endpoint().receiver.hint = slot_of(server.process.object);
    world.process(server).control.activity.hint = slot_of(server.activity.object);
  }

  CacheSlot slot_of(const ObjectId& object) { return world.kernel().store.find(object.frame()); }
  Capability& invoked() { return world.process(client).capability_registers[5]; }
  Capability& resume() { return world.process(server).capability_registers[resume_register]; }
  Capability& activity_of(const Guest& guest) { return world.process(guest).control.activity; }
  Wrapper& wrapper() { return *row_object<Wrapper>(world.bytes(control), control.object.index()); }
  Endpoint& endpoint() { return *row_object<Endpoint>(world.bytes(server.endpoint), server.endpoint.object.index()); }

  // The frame that this capability names is a page now, and the page's owner has written the old contents into it. If
  // the frame has the version (a process), that is the same, too: only a wrong disk has that.
  void becomes_page(Capability& capability) {
    const Capability page = world.make(Kind::page);
    world.write(page);
    std::memcpy(world.bytes(page), world.bytes(capability), frame_bytes);
    capability.object = ObjectId::of(page.object.frame(), capability.object.index());
    capability.hint = slot_of(page.object);
    if (info(capability.type).object_kind == Kind::process) capability.version = page.version;
  }

  // ... and the activity of this guest says that it is the process.
  void becomes_process(Capability& capability, const Guest& guest) {
    becomes_page(capability);
    world.object<Activity>(guest.activity).process = capability.object;
  }

  void use_fpu(const Guest& guest) {
    world.process(guest).control.flags |= ProcessControl::flag_fpu;
    machine::fpu_initial_state(world.process(guest).fpu_area);
  }

  // Behind a checkpoint that has gone home; of the four frames that client and server need to run, one is
  // left as the checkpoint has it.
  void take_checkpoint(const Capability& untouched) {
    world.take_checkpoint();
    Store& store = world.kernel().store;
    while (!store.can_declare()) store.poll(fake_machine().now_ns += 1000);
    for (const Guest& guest : {client, server}) {
      for (const Capability& object : {guest.process, guest.activity}) {
        if (object.object != untouched.object) world.write(object);
      }
    }
  }

  // Of this frame only the tag has come back from the disk, to the slot where all of it was.
  void fetch_tag_only(FrameNumber frame) {
    Store& store = world.kernel().store;
    const CacheSlot slot = store.find(frame);
    store.descriptor(slot).flags &= static_cast<uint8_t>(~FrameDescriptor::flag_awaited);
    REQUIRE(store.drop(slot));
    while (!store.obtain_identity(frame)) store.poll(fake_machine().now_ns += 1000);
    REQUIRE(store.descriptor(slot).number == frame);
  }

  void play() { world.run(20); }

  KernelWorld world;
  Guest server, client;
  Capability control;
  std::vector<uint64_t> seen;   // by the client
  std::vector<uint64_t> heard;  // by the server
  std::function<void(Scene&)> before_answer;  // once
  uint32_t sent = 0;  // registers, with the second call
};

struct Lie {
  std::string_view what;
  std::function<void(Scene&)> tell;
  Result told = Result::void_capability;  // to a call
};

void age(Capability& capability) { ++capability.version.value; }
// Of what stood there before: the place was sold again. (All places are used for the first time here.)
void make_older(Capability& capability) { --capability.version.value; }

const Lie lies[] = {
    {"the wrapper was made after another", [](Scene& s) { age(s.invoked()); }},
    {"the place of the wrapper was sold again", [](Scene& s) { make_older(s.invoked()); }},
    {"a page like the wrapper", [](Scene& s) { s.becomes_page(s.invoked()); }},
    {"the wrapped capability is weak", [](Scene& s) { s.invoked().restrictions = restriction::weak; },
     Result::missing_right},
    {"the wrapper stands for the endpoint itself",
     [](Scene& s) { s.wrapper().target.type = CapabilityType::endpoint; }, Result::unknown_method},
    {"the endpoint was made after another", [](Scene& s) { age(s.wrapper().target); }},
    {"the place of the endpoint was sold again", [](Scene& s) { make_older(s.wrapper().target); }},
    {"a page like the endpoint", [](Scene& s) { s.becomes_page(s.wrapper().target); }},
    {"the receiver was made after another", [](Scene& s) { age(s.endpoint().receiver); }},
    {"the place of the receiver was sold again", [](Scene& s) { make_older(s.endpoint().receiver); }},
    {"a page like the receiver, which its activity names", [](Scene& s) { s.becomes_process(s.endpoint().receiver, s.server); }},
    {"no receiver, but for what is left in its place",
     [](Scene& s) {
       s.endpoint().receiver.type = CapabilityType::void_capability;
       s.endpoint().flags |= Endpoint::flag_had_receiver;
     }},
    {"the receiver's activity was made after another", [](Scene& s) { age(s.activity_of(s.server)); }},
    {"the place of the receiver's activity was sold again", [](Scene& s) { make_older(s.activity_of(s.server)); }},
    {"a page like the receiver's activity", [](Scene& s) { s.becomes_page(s.activity_of(s.server)); }},
};

// While the server has the call and is about to answer: there is no caller to be answered.
const Lie lies_to_the_answer[] = {
    {"the caller was made after another", [](Scene& s) { age(s.resume()); }},
    {"the place of the caller was sold again", [](Scene& s) { make_older(s.resume()); }},
    {"a page like the caller, which its activity names", [](Scene& s) { s.becomes_process(s.resume(), s.client); }},
    {"the call was answered before", [](Scene& s) { --s.resume().payload; }},
    {"the caller waits no more, and its count is as it was",
     [](Scene& s) { s.world.process(s.client).control.state = ProcessState::stopped; }},
    {"the caller itself instead of its call", [](Scene& s) { s.resume().type = CapabilityType::process; }},
    {"the caller's activity was made after another", [](Scene& s) { age(s.activity_of(s.client)); }},
    {"the place of the caller's activity was sold again", [](Scene& s) { make_older(s.activity_of(s.client)); }},
    {"a page like the caller's activity", [](Scene& s) { s.becomes_page(s.activity_of(s.client)); }},
};

const Lie more_to_do_in_the_answer[] = {
    {"the caller waits for its keeper",
     [](Scene& s) { s.world.process(s.client).control.fault = FaultCode::no_memory; }},
    {"the caller awaits a deadline, and has not been looked at since the restart",
     [](Scene& s) { s.world.object<Activity>(s.client.activity).awaits_deadline = 1; }},
    {"a notice is pending", [](Scene& s) { s.world.process(s.server).control.pending_notices = 4; }},
    {"the caller uses the FPU",
     [](Scene& s) { s.use_fpu(s.client); }},
};

// No lies, and yet more than the fast path does.
const Lie more_to_do[] = {
    {"the receiver uses the FPU",
     [](Scene& s) { s.use_fpu(s.server); }},
    {"a timer is set for the caller, as behind a call that had to wait",
     [](Scene& s) {
       const ObjectId& activity = s.client.activity.object;
       s.world.kernel().timers.arm(ActivityRef::of(s.slot_of(activity), activity.index()), ~uint64_t{0} >> 8);
     }},
    {"what is handed over is moved away",
     [](Scene& s) {
       s.wrapper().flags = Wrapper::flag_hand_over;
       s.sent = 5 | move_bit;
     }},
};

}  // namespace

TEST_CASE("a call in which nothing is a lie takes the fast path, and its answer too") {
  Scene scene(true);
  scene.play();
  REQUIRE(scene.world.fast_count == 2);
  REQUIRE(scene.seen == std::vector<uint64_t>{ok, 7});
}

TEST_CASE("neither path believes a lie in a call") {
  for (const Lie& lie : lies) {
    for (const bool fast : {false, true}) {
      CAPTURE(lie.what, fast);
      Scene scene(fast);
      lie.tell(scene);
      scene.play();
      CHECK(scene.seen == std::vector<uint64_t>{static_cast<uint64_t>(lie.told), 0});
      CHECK(scene.heard.empty());
      CHECK(scene.world.fast_count == 0);
    }
  }
}

TEST_CASE("neither path believes a lie in an answer") {
  for (const Lie& lie : lies_to_the_answer) {
    for (const bool fast : {false, true}) {
      CAPTURE(lie.what, fast);
      Scene scene(fast);
      scene.before_answer = lie.tell;
      scene.play();
      CHECK(scene.world.fast_count == (fast ? 1 : 0));  // the call
      CHECK(scene.seen.empty());
      CHECK(scene.heard == std::vector<uint64_t>{static_cast<uint64_t>(Delivery::call)});
      CHECK(scene.world.process(scene.server).control.state == ProcessState::receiving);
    }
  }
}

TEST_CASE("the fast path leaves alone an answer with which there is more to do") {
  for (const Lie& more : more_to_do_in_the_answer) {
    CAPTURE(more.what);
    std::vector<uint64_t> seen, heard;  // behind the general path
    for (const bool fast : {false, true}) {
      Scene scene(fast);
      scene.before_answer = more.tell;
      scene.play();
      CHECK(scene.world.fast_count == (fast ? 1 : 0));  // the call
      if (fast) CHECK(scene.seen == seen);
      if (fast) CHECK(scene.heard == heard);
      seen = scene.seen;
      heard = scene.heard;
    }
  }
}

TEST_CASE("what is sent and not asked for goes nowhere, least of all into the register that is always void") {
  KernelWorld world;
  world.use_fast_path = true;
  Capability taken;
  constexpr uint32_t only_the_second = 9u << 8;
  const Guest server = world.new_guest(perdure::server([&](Process& p) {
    taken = p.capability_registers[9];
    return 7;
  }, only_the_second));
  std::vector<uint64_t> seen;
  const auto call_once = call(5, {}, 6u | 7u << 8);
  const Guest client = world.new_guest(steps({call_once, note(seen), call_once, note(seen), call_once, note(seen)}));
  Process& holder = world.process(client);
  holder.capability_registers[5] = KernelWorld::entry(server);
  holder.capability_registers[6] = number_capability(1);
  holder.capability_registers[7] = number_capability(2);
  world.let_receive(server, only_the_second);
  world.start();
  run_checked(world, 40);
  REQUIRE(world.fast_count > 0);
  CHECK(seen == std::vector<uint64_t>{ok, 7, ok, 7, ok, 7});
  CHECK(taken.payload == 2);
  CHECK(world.process(server).capability_registers[0].is_void());
}

TEST_CASE("the fast path leaves alone what it does not do") {
  for (const Lie& more : more_to_do) {
    CAPTURE(more.what);
    Scene scene(true);
    more.tell(scene);
    REQUIRE(scene.world.step());
    CHECK(scene.world.fast_count == 0);
    scene.play();
    CHECK(scene.seen == std::vector<uint64_t>{ok, 7});
  }
}

TEST_CASE("a wrapper that is blocked lets nothing pass, on neither path") {
  for (const bool fast : {false, true}) {
    CAPTURE(fast);
    Scene scene(fast);
    scene.wrapper().flags = Wrapper::flag_blocked;
    scene.play();
    CHECK(scene.world.fast_count == 0);
    CHECK(scene.seen.empty());
    CHECK(scene.heard.empty());
  }
}

TEST_CASE("a register that is none stands for no other, on neither path") {
  for (const bool fast : {false, true}) {
    CAPTURE(fast);
    KernelWorld world;
    world.use_fast_path = fast;
    std::vector<uint64_t> seen;
    const Guest client = world.new_guest(steps({call(5 + capability_register_count, {method::type}), note(seen)}));
    world.process(client).capability_registers[5] = number_capability(4711);
    world.start();
    run_checked(world, 10);
    CHECK(seen == std::vector<uint64_t>{static_cast<uint64_t>(Result::malformed), 0});
  }
}

TEST_CASE("a number answers what it is asked, on both paths") {
  for (const bool fast : {false, true}) {
    CAPTURE(fast);
    KernelWorld world;
    world.use_fast_path = fast;
    std::vector<uint64_t> seen;
    const auto ask = [](uint64_t method) { return call(5, {method}); };
    const Guest client = world.new_guest(steps({ask(method::type), note(seen), ask(method::number_get), note(seen)}));
    world.process(client).capability_registers[5] = number_capability(4711);
    world.start();
    run_checked(world, 10);
    CHECK(world.fast_count == (fast ? 1 : 0));
    CHECK(seen == std::vector<uint64_t>{ok, static_cast<uint64_t>(CapabilityType::number), ok, 4711});
  }
}

TEST_CASE("the fast path writes nothing that belongs to a checkpoint") {
  const size_t which = GENERATE(0, 1, 2);
  Scene scene(true);
  const Capability untouched = std::array{Capability{}, scene.server.process, scene.server.activity}[which];
  scene.take_checkpoint(untouched);
  REQUIRE(scene.world.step());
  CHECK(scene.world.fast_count == (untouched.is_void() ? 1 : 0));
  scene.play();
  CHECK(scene.seen == std::vector<uint64_t>{ok, 7});
}

TEST_CASE("the fast path does not read what is not there yet") {
  const size_t which = GENERATE(0, 1);
  Scene scene(true);
  const Capability absent = std::array{scene.control, scene.server.endpoint}[which];
  scene.take_checkpoint({});
  scene.fetch_tag_only(absent.object.frame());
  REQUIRE(scene.world.step());
  CHECK(scene.world.fast_count == 0);
  scene.play();
  CHECK(scene.seen == std::vector<uint64_t>{ok, 7});
}
