// SPDX-License-Identifier: MIT
//
// What a process has in the processor's registers, over everything that takes it from the processor: the end of its
// turn, others that use the same registers, a checkpoint, a stop and a start, a fault; and, where the plug is
// pulled, over that. Breaks if one is lost, mixed up with another process's, or seen by it.
#include <cstring>

#include "test/guest/servers.hpp"
#include "test/guest/spaces.hpp"

namespace perdure::guest {
namespace {

extern "C" {  // computing.S
void count_only(uint64_t), keep_vectors(uint64_t), keep_wide_vectors(uint64_t);
void keep_controls(uint64_t), keep_stack(uint64_t), find_initial(uint64_t), look_through_segments(uint64_t);
void write_segments(uint64_t);
}

Registers registers_of(const Actor& actor) { return value_of(actor.process.get_registers()); }

// It has gone through its loop again, and has found nothing wrong.
bool goes_on(const Actor& actor) {
  const uint64_t before = registers_of(actor).rcx;
  while (registers_of(actor).rcx == before) {
    if (!expect(actor.status().state, ProcessState::running)) return false;
    rest();
  }
  return true;
}

struct Event {
  std::string_view name;
  void (*happens)(const Actor&);
};
constexpr Event events[] = {
    {"the end of its turn", [](const Actor&) { rest(); }},
    {"a stop and a start", [](const Actor& actor) {
       done(actor.process.stop());
       done(actor.process.start(nothing));
     }},
    {"a checkpoint", [](const Actor&) { done(checkpoint.take()); }},
    {"new page tables", [](const Actor& actor) {
       actor.live_in(new_space().at);
       actor.live_in(my_space.at);
     }},
};

// --- general registers ------------------------------------------------------------------------------------

void general_registers(uint64_t row) {
  Actor actor(count_only, 0, idle);
  Registers registers = actor.first_registers();
  uint64_t* const set[] = {&registers.rax, &registers.rbx, &registers.rdx, &registers.rsi, &registers.rdi, &registers.rbp, &registers.rsp,
                           &registers.r8, &registers.r9, &registers.r10, &registers.r11, &registers.r12, &registers.r13, &registers.r14, &registers.r15};
  for (uint64_t i = 0; i < std::size(set); ++i) *set[i] = (i + 1) * 0x0123'4567'89ab'cdef;
  registers.fs_base = 0x1111'2222'3000;
  registers.gs_base = 0xffff'8111'2222'3000;
  actor.start(registers);
  for (unsigned round = 0; round < 3; ++round) {
    if (!goes_on(actor)) return;
    events[row].happens(actor);
    if (!goes_on(actor)) return;
    Registers seen = registers_of(actor);
    uint64_t* const found[] = {&seen.rax, &seen.rbx, &seen.rdx, &seen.rsi, &seen.rdi, &seen.rbp, &seen.rsp,
                               &seen.r8, &seen.r9, &seen.r10, &seen.r11, &seen.r12, &seen.r13, &seen.r14, &seen.r15};
    for (size_t i = 0; i < std::size(found); ++i) expect(*found[i], *set[i]);
    expect(seen.fs_base, registers.fs_base);
    expect(seen.gs_base, registers.gs_base);
  }
}

// Carry, parity, adjust, zero, sign, direction, overflow, nested task, alignment check, identification: a program's own.
constexpr uint64_t own_flags = 0x0024'4cd5;
constexpr uint64_t fixed_flags = 0x0202;  // interrupts on, and a bit that is always set

void flags(uint64_t row) {
  Actor actor(count_only, 0, idle);
  for (const uint64_t wanted : {uint64_t{0}, own_flags, uint64_t{0x0400}, uint64_t{0x0041}}) {
    Registers registers = actor.first_registers();
    registers.rflags = wanted;
    actor.start(registers);
    if (!goes_on(actor)) return;
    events[row].happens(actor);
    if (!goes_on(actor)) return;
    expect(registers_of(actor).rflags & (own_flags | fixed_flags), wanted | fixed_flags);
  }
}

void flags_that_are_not_a_programs(uint64_t) {
  Actor actor(count_only, 0, idle);
  Registers registers = actor.first_registers();
  registers.rflags = ~uint64_t{0} & ~uint64_t{0x100};  // all but the single step
  actor.start(registers);
  if (!goes_on(actor)) return;
  expect(registers_of(actor).rflags & ~uint64_t{own_flags}, fixed_flags);
}

// --- vectors and floating point --------------------------------------------------------------------------

struct Unit {
  std::string_view name;
  Body keeps;
  uint64_t first[2], second[2];  // rdi, rsi of two processes
};
constexpr Unit units[] = {{"vectors", keep_vectors, {1000, 0}, {2000, 0}},
                          {"the upper halves of wide vectors", keep_wide_vectors, {3000, 0}, {4000, 0}},
                          {"rounding and masks", keep_controls, {0x3f80, 0x77f}, {0x5fc0, 0xb7f}},
                          {"the eight old registers", keep_stack, {5000, 0}, {~uint64_t{6000}, 0}}};

Registers first_of(const Actor& actor, const uint64_t (&values)[2]) {
  Registers registers = actor.first_registers();
  registers.rdi = values[0];
  registers.rsi = values[1];
  return registers;
}

// Two actors use the unit at the same time, and a third one finds nothing of theirs in it.
void of_two_processes(uint64_t row) {
  const Unit& unit = units[row];
  Actor first(unit.keeps, 0, idle), second(unit.keeps, 0, idle), third(find_initial, 0, idle);
  first.start(first_of(first, unit.first));
  second.start(first_of(second, unit.second));
  third.start();
  for (unsigned round = 0; round < 5; ++round) {
    for (const Actor* actor : {&first, &second, &third}) {
      if (!goes_on(*actor)) return;
    }
  }
}

template <unsigned event>
void over_event(uint64_t row) {
  const Unit& unit = units[row];
  Actor first(unit.keeps, 0, idle), second(unit.keeps, 0, idle);
  first.start(first_of(first, unit.first));
  second.start(first_of(second, unit.second));
  for (unsigned round = 0; round < 3; ++round) {
    if (!goes_on(first) || !goes_on(second)) return;
    events[event].happens(first);
    if (!goes_on(first) || !goes_on(second)) return;
  }
}

void nothing_is_left_of_another(uint64_t) {
  Actor user(keep_vectors, 0, idle);
  user.start(first_of(user, {77, 0}));
  if (!goes_on(user)) return;
  for (unsigned life = 0; life < 5; ++life) {
    Actor next(find_initial, 0, idle);
    next.start();
    if (!goes_on(next) || !goes_on(user)) return;
  }
}

// One that has used vectors is called and calls: the fast path is not for it, and what comes is the same.
[[noreturn]] void echo_with_vectors(uint64_t) {
  asm volatile("movq %0, %%xmm5" : : "r"(uint64_t{4711}));
  Message message;
  CapabilityRegister answer_to = nothing;
  while (true) {
    reply_and_wait(answer_to, message);
    answer_to = registers::resume;
    uint64_t kept = 0;
    asm volatile("movq %%xmm5, %0" : "=r"(kept));
    message.words[1] = kept;
    ++message.words[0];
  }
}

void served_by_a_user_of_vectors(uint64_t) {
  Actor server(echo_with_vectors), other(echo_with_vectors);
  const CapabilityRegister entry = server.receives(), next = other.receives();
  server.start();
  other.start();
  for (uint64_t round = 0; round < 30; ++round) {
    Message message{.words = {round}};
    call(round % 2 ? entry : next, message);
    expect(message.words[0], round + 1);
    expect(message.words[1], 4711);
  }
}

// --- segments -------------------------------------------------------------------------------------------

void segments_of_two_processes(uint64_t) {
  static const uint64_t values[] = {101, 102, 103, 104};
  Actor first(look_through_segments, 0, idle), second(look_through_segments, 0, idle);
  const auto start = [&](Actor& actor, unsigned at) {
    Registers registers = actor.first_registers();
    registers.fs_base = reinterpret_cast<uint64_t>(&values[at]);
    registers.gs_base = reinterpret_cast<uint64_t>(&values[at + 1]);
    registers.rsi = values[at];
    registers.rdx = values[at + 1];
    actor.start(registers);
  };
  start(first, 0);
  start(second, 2);
  for (unsigned round = 0; round < 5; ++round) {
    if (!goes_on(first) || !goes_on(second)) return;
    if (round == 2) done(checkpoint.take());
  }
}

void segments_that_a_program_writes(uint64_t) {
  Actor first(write_segments, 0, idle), second(write_segments, 0, idle);
  uint64_t base = 0x1000;
  for (Actor* actor : {&first, &second}) {
    Registers registers = actor->first_registers();
    registers.rsi = base;
    registers.rdx = base + 0x100;
    actor->start(registers);
    base += 0x5000;
  }
  for (unsigned round = 0; round < 5; ++round) {
    if (!goes_on(first) || !goes_on(second)) return;
    if (round == 2) done(checkpoint.take());
  }
  expect(registers_of(first).fs_base, 0x1000);
  expect(registers_of(second).gs_base, 0x6100);
}

// --- a call -----------------------------------------------------------------------------------------------

// What is no message's is as before a call, whichever path it takes (objects/abi.hpp: rbx, r12, rbp and rsp; perdure_invoke
// keeps the others on the stack).
void call_leaves_the_rest(uint64_t) {
  Actor server(echo);
  const CapabilityRegister entry = server.receives();
  server.start();
  for (const CapabilityRegister target : {entry, discriminator.at}) {
    for (unsigned round = 0; round < 3; ++round) {
      uint64_t rax = static_cast<uint64_t>(Invocation::call) | uint64_t{target.number} << 8, rbx = 0, flags = 0;
      uint64_t word = method::type;
      uint64_t stack_before = 0, stack_behind = 0;
      asm volatile(
          "mov %%rsp, %[before]\n\t"
          "push %%rbp\n\t"
          "mov $0x5151, %%ebp\n\t"
          "xor %%esi, %%esi\n\txor %%edx, %%edx\n\txor %%r8d, %%r8d\n\txor %%r9d, %%r9d\n\txor %%r10d, %%r10d\n\t"
          "xor %%r12d, %%r12d\n\txor %%r13d, %%r13d\n\txor %%r14d, %%r14d\n\txor %%r15d, %%r15d\n\t"
          "syscall\n\t"
          "mov %%rbp, %%rcx\n\t"
          "pop %%rbp\n\t"
          "mov %%rsp, %%r11\n\t"
          : "+a"(rax), "+b"(rbx), "+D"(word), [before] "=&m"(stack_before), "=&c"(flags)
          :
          : "rsi", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
      asm volatile("mov %%rsp, %0" : "=r"(stack_behind));
      expect(flags, 0x5151);
      expect(stack_behind, stack_before);
      expect(rbx, 0);
      expect(rax & 0xff, Delivery::reply);
    }
  }
}

constexpr Test tests[] = {
    {"flags that are not a program's are as the kernel wants them", flags_that_are_not_a_programs},
    {"of vectors nothing is left for the next process", nothing_is_left_of_another},
    {"a server that uses vectors serves like any other, and keeps them", served_by_a_user_of_vectors},
    {"two processes look through segment bases of their own", segments_of_two_processes},
    {"segment bases that a program writes are its own, and are kept", segments_that_a_program_writes},
    {"a call leaves stack pointer, frame pointer and rbx alone", call_leaves_the_rest},
};
constexpr auto general = for_each_row("all general registers and both segment bases outlast ", events, general_registers);
constexpr auto all_flags = for_each_row("the flags of a program outlast ", events, flags);
constexpr auto two = for_each_row("two processes each have their own, and a third has none of them: ", units, of_two_processes);
constexpr auto stopped = for_each_row("they outlast a stop and a start: ", units, over_event<1>);
constexpr auto committed = for_each_row("they outlast a checkpoint: ", units, over_event<2>);

}  // namespace

constinit const Suite computing{"registers", {{tests, general, all_flags, two, stopped, committed}}};

}  // namespace perdure::guest
