// SPDX-License-Identifier: MIT
//
// A ring: a doubly linked, circular list through the `next` and `previous` of its members, which
// are named by number. Its head is the first member, or none. Every operation is O(1); a member
// needs to know nothing but its ring's head to leave it.
#pragma once

namespace perdure::bank {

// Members: anything that `Arena::at(Name)` answers with `next` and `previous` of type Name.
template <typename Arena, typename Name>
class Ring {
 public:
  Ring(const Arena& arena, Name& first) : arena_(arena), first_(first) {}

  void push_back(Name member) {
    if (first_ == Name::none) {
      arena_.at(member).next = arena_.at(member).previous = first_ = member;
      return;
    }
    const Name last = arena_.at(first_).previous;
    arena_.at(member).next = first_;
    arena_.at(member).previous = last;
    arena_.at(last).next = member;
    arena_.at(first_).previous = member;
  }

  void push_front(Name member) {
    push_back(member);
    first_ = member;
  }

  void remove(Name member) {
    const Name next = arena_.at(member).next;
    const Name previous = arena_.at(member).previous;
    arena_.at(previous).next = next;
    arena_.at(next).previous = previous;
    if (first_ == member) first_ = next == member ? Name::none : next;
  }

 private:
  const Arena& arena_;
  Name& first_;
};

}  // namespace perdure::bank
