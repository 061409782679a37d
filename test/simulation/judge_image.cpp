// SPDX-License-Identifier: MIT
//
// judge_image FILE: an image as `image verify` judges it, and as the kernel's store does that starts from it, on a
// disk that forgets what it writes, and reads every frame. Says what both do, and ends with 0 if nothing is
// wrong, 1 if something is; with 2, if they differ.
#include <cstdio>
#include <fstream>

#include "test/simulation/judgement.hpp"
#include "test/simulation/simulated_machine.hpp"

namespace perdure {
namespace {

constexpr size_t memory_bytes = 12 << 20;

Medium medium_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  Medium medium;
  const Block zero(block_bytes);
  Block block(block_bytes);
  while (file.read(reinterpret_cast<char*>(block.data()), block_bytes)) {
    medium.push_back(block == zero ? nullptr : std::make_shared<const Block>(block));
  }
  return medium;
}

Judgement judgement_of_store(const Medium& medium, World& seen) {
  SimulatedDisk disk(medium, 1);
  MachineMemory memory(memory_bytes);
  SimulatedMachine machine(disk, memory.all(), nullptr);
  try {
    const auto opened = machine.open({.processor_features = ~uint64_t{0}, .boot_identity = 1});
    if (!opened) return {.refusal = std::string(opened.error().what)};
    return {.unreadable = machine.read_everything(seen)};
  } catch (const MachineStopped& stopped) {
    return {.refusal = stopped.what()};
  }
}

int judge(const char* path) {
  try {
    World seen;
    const Judgement store = judgement_of_store(medium_of(path), seen);
    expect_alike(judgement_of_tool(std::string(path), seen), store);
    std::printf("%s\n", store.told().c_str());
    return store.is_sound() ? 0 : 1;
  } catch (const std::exception& failure) {
    std::printf("%s\n", failure.what());
    return 2;
  }
}

}  // namespace
}  // namespace perdure

int main(int count, char** arguments) { return count == 2 ? perdure::judge(arguments[1]) : 2; }
