// SPDX-License-Identifier: MIT
//
// forge_image FILE SEED LIES: turns an image, which is entirely at home, into an enemy's
// (test/support/forged_image.hpp), in place, and tells what it did.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <vector>

#include "test/support/forged_image.hpp"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  try {
    std::fstream file(argv[1], std::ios::in | std::ios::out | std::ios::binary);
    std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const auto block_at = [&bytes](perdure::BlockIndex block) {
      return reinterpret_cast<std::byte*>(bytes.data()) + block.value * perdure::block_bytes;
    };
    perdure::ForgedImage image(block_at, std::strtoull(argv[2], nullptr, 0));
    image.forge(static_cast<unsigned>(std::strtoul(argv[3], nullptr, 0)));
    file.clear();
    file.seekp(0);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    std::fputs(image.told().c_str(), stdout);
    return file.good() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "forge_image: %s\n", error.what());
    return 1;
  }
}
