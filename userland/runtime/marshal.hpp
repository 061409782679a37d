// SPDX-License-Identifier: MIT
//
// Values into message words and back: the only place that knows how arguments lie in a message.
// Pure. Words are filled from word 1 on, capabilities from the first; each value begins on a
// word of its own.
#pragma once

#include <cstring>
#include <tuple>

#include "userland/runtime/interface.hpp"

namespace perdure {

// Puts values one after the other into the words of a message to send.
class Packer {
 public:
  explicit Packer(Message& message) : message_(message) {}

  template <Passable T>
  void put(const T& value) {
    if constexpr (std::same_as<T, PassedCapability>) {
      message_.sent[capability_++] = value.at;
    } else {
      std::memcpy(&message_.words[word_], &value, sizeof(T));
      word_ += words_of<T>();
    }
  }

 private:
  Message& message_;
  unsigned word_ = 1;
  unsigned capability_ = 0;
};

// Takes them out of one that arrived. A capability is the register that it arrived in.
class Unpacker {
 public:
  explicit Unpacker(const Message& message) : message_(message) {}

  template <Passable T>
  T take() {
    if constexpr (std::same_as<T, PassedCapability>) {
      return {message_.received[capability_++]};
    } else if constexpr (std::same_as<T, bool>) {
      return message_.words[word_++] != 0;  // any word can arrive; not every one is a bool
    } else {
      T value;
      std::memcpy(static_cast<void*>(&value), &message_.words[word_], sizeof(T));
      word_ += words_of<T>();
      return value;
    }
  }

 private:
  const Message& message_;
  unsigned word_ = 1;
  unsigned capability_ = 0;
};

template <typename AnswerType, typename... Arguments>
std::tuple<Arguments...> take_arguments(const Method<AnswerType(Arguments...)>&,
                                        const Message& message) {
  Unpacker unpacker(message);
  return std::tuple<Arguments...>{unpacker.take<Arguments>()...};  // braces: left to right
}

}  // namespace perdure
