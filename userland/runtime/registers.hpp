// SPDX-License-Identifier: MIT
//
// The capability registers of a program. 0 is void; 1 and 2 are written by the kernel at each
// delivery (objects/abi.hpp); 3 to 8 are set by the starter of the program (program_start.hpp,
// or the image description); each program names its own use of the rest at compile time.
#pragma once

#include <cstdint>

#include "objects/abi.hpp"

namespace perdure {

// Names one of this process's capability registers. Holding it proves nothing about what is in
// that register.
struct CapabilityRegister {
  uint8_t number = 0;
  constexpr bool is_void() const { return number == 0; }
  bool operator==(const CapabilityRegister&) const = default;
};

namespace registers {
inline constexpr CapabilityRegister nothing{0};
inline constexpr CapabilityRegister resume{resume_register};
inline constexpr CapabilityRegister handed_over{handed_over_register};
inline constexpr CapabilityRegister bank{3};      // may allocate and free; may not destroy
inline constexpr CapabilityRegister endpoint{4};  // control of the endpoint that names this process
inline constexpr CapabilityRegister log{5};       // where to tell a person something; may be void
inline constexpr CapabilityRegister clock{6};     // may be void
inline constexpr CapabilityRegister space{7};     // the root node of its own address space

inline constexpr CapabilityRegister discriminator{8};

// What a server loop receives capability arguments into, and where a program keeps what is its
// own: 9 to 27.
inline constexpr CapabilityRegister argument[message_capability_count] = {{28}, {29}, {30}, {31}};
}  // namespace registers

}  // namespace perdure
