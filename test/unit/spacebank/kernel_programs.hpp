// SPDX-License-Identifier: MIT
//
// Programs that are written with the runtime, on the kernel's own logic, on the host. Each is a
// thread that runs only while the kernel has chosen its process: perdure_invoke puts the request
// into the process's registers and waits until the kernel comes back to the program.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

#include "test/support/kernel_world.hpp"
#include "userland/runtime/invoke.hpp"

namespace perdure {

class ProgramThread {
 public:
  using Body = std::function<void()>;

  ProgramThread(KernelWorld& world, Capability bytes_page, Body body)
      : world_(world), bytes_page_(bytes_page), body_(std::move(body)), thread_([this] { run(); }) {}
  ~ProgramThread() {
    is_ended_by_test_ = true;
    chosen_.release();
    thread_.join();
  }

  // The kernel has chosen the process; what it asked for is done.
  void step(Process& process) {
    if (has_ended_) return;
    process_ = &process;
    if (raw_) take_results();
    chosen_.release();
    gave_up_.acquire();
  }

  void invoke(RawInvocation& raw) {
    raw_ = &raw;
    put_request();
    pause();
    raw_ = nullptr;
  }
  // Lets time pass.
  void spin() { pause(); }
  bool has_ended() const { return has_ended_; }

  static ProgramThread*& current() {
    thread_local ProgramThread* current = nullptr;
    return current;
  }

 private:
  struct EndedByTest {};

  void run() {
    current() = this;
    try {
      wait();
      body_();
    } catch (const EndedByTest&) {
      return;
    }
    has_ended_ = true;
    gave_up_.release();
  }
  void wait() {
    chosen_.acquire();
    if (is_ended_by_test_) throw EndedByTest{};
  }
  void pause() {
    gave_up_.release();
    wait();
  }

  void put_request() {
    Registers& registers = process_->registers;
    registers.rip = rip_of_call;
    registers.rax = raw_->rax;
    set_message_words(registers, {raw_->words[0], raw_->words[1], raw_->words[2], raw_->words[3],
                                  raw_->words[4], raw_->words[5]});
    registers.rbx = raw_->rbx;
    registers.r12 = raw_->r12;
    registers.r13 = raw_->r13;
    registers.r14 = raw_->r14;
    registers.r15 = raw_->r15;
    // Bytes go through the page that the process has at Guest::memory.
    const auto length = static_cast<uint32_t>(raw_->r12);
    if (length == 0) return;
    world_.write(bytes_page_);
    std::memcpy(world_.bytes(bytes_page_), reinterpret_cast<const void*>(raw_->r13), length);
    registers.r13 = Guest::memory;
  }
  void take_results() {
    const Registers& registers = process_->registers;
    raw_->rax = registers.rax;
    for (unsigned i = 0; i < message_word_count; ++i) raw_->words[i] = message_word(registers, i);
    raw_->r13 = registers.r13;
    raw_->r14 = registers.r14;
    raw_->r15 = registers.r15;
  }

  KernelWorld& world_;
  Capability bytes_page_;
  Body body_;
  Process* process_ = nullptr;
  RawInvocation* raw_ = nullptr;
  bool is_ended_by_test_ = false;
  bool has_ended_ = false;
  std::binary_semaphore chosen_{0};
  std::binary_semaphore gave_up_{0};
  std::thread thread_;
};

}  // namespace perdure
