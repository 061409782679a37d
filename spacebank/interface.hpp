// SPDX-License-Identifier: MIT
//
// What clients and the image description need to know of the space bank: the methods of a bank
// capability, the restrictions it can carry, and what the bank server expects to find when it
// starts. Restrictions only grow along copies; nothing but the bank's own records decides.
//
// wN: word N; cN: capability N; every answer has w0 = Result, as everywhere (objects/abi.hpp).
// Results that any method may answer: missing_right (the capability is restricted),
// unknown_method, bad_argument, dying (the bank, or one above it, is being destroyed or dissolved).
#pragma once

#include <cstdint>

#include "objects/abi.hpp"

namespace perdure {

namespace method {
// Buys w2 (1 to 3) objects of Kind w1, all or nothing → c0 … c2: the first, strongest
// capability to each, all zero. limit_reached: this bank's limit or that of one above it;
// exhausted: no frame is left. The ceiling of a schedule is that of the image's schedule for what
// banks sell (bank_register::sold_schedule).
inline constexpr uint64_t bank_allocate = method_code("bank.allocate");
// Destroys the object c0 and takes its storage back. Only what exactly this bank bought
// (not_found), named by its strongest capability: not an entry, resume or wrapped one (wrong_type).
inline constexpr uint64_t bank_free = method_code("bank.free");
// A new bank below this one, limited to w1 frames (bank_unlimited: only by the banks above) → c0,
// w1 its account. Costs this bank two frames: its record and a row for its capabilities. Made by a
// capability that may not destroy, its own end will take turns with programs instead of going before them.
inline constexpr uint64_t bank_create_sub_bank = method_code("bank.create_sub_bank");
// w1: the new limit of this bank in frames. May be below what is used: then nothing more is sold.
inline constexpr uint64_t bank_set_limit = method_code("bank.set_limit");
// → w1 frames used by this bank and all below it, w2 its limit, w3 its effective limit (the
// minimum along the path, its own included), w4 banks below it at any depth, w5 its account.
inline constexpr uint64_t bank_status = method_code("bank.status");
// w1 Kind → w1 frames of that kind used by this bank and all below it (a row counts as one
// frame). Kind::empty: the records of the banks below it, one frame each.
inline constexpr uint64_t bank_usage = method_code("bank.usage");
// Destroys this bank, every bank below it, and every object bought from any of them. The answer
// comes when all is done; the bank above has then what it had before the bank was created.
// in_use: the root bank cannot be destroyed.
inline constexpr uint64_t bank_destroy = method_code("bank.destroy");
// Likewise, but c0, a resume capability, is answered when all is done, and the caller at once, when
// destruction has begun: so a server that lives in the bank can have its own client told of the end.
// wrong_type: c0 is none; then nothing has begun, as after any refusal, and c0 comes back as c0. A
// reply that cannot be taken is dropped. A caller that lives in the bank has to move c0
// (objects/abi.hpp): the kernel answers `destroyed` through a copy in a process that is destroyed.
inline constexpr uint64_t bank_destroy_and_answer = method_code("bank.destroy_and_answer");
// Ends this bank alone. What it bought passes to the bank above it, as if that one had bought it,
// and so do the banks below it; capabilities to all that stay good. Those to this bank are void at
// once; the two frames that it cost go back. The answer comes when all is done. in_use: the root.
inline constexpr uint64_t bank_dissolve = method_code("bank.dissolve");
// The strongest capability to the object that c0 names in any way (an entry to its endpoint, a
// wrapped one to its wrapper, one with restrictions) → c0. Only what exactly this bank bought
// (not_found): a holder that may free an object may have it, so a program that shares a bank with others
// has no secrets from them. It takes a bank of its own.
inline constexpr uint64_t bank_recap = method_code("bank.recap");
// Is c0 a genuine capability to a bank of this server? → w1 0 or 1, w2 its restrictions, w3 its
// account. c0 is never invoked.
inline constexpr uint64_t bank_verify = method_code("bank.verify");
// Which bank, this one or one below it, bought the object c0? → w1 account; else not_found.
inline constexpr uint64_t bank_identify = method_code("bank.identify");
// A capability to the same bank with the restrictions w1 in addition to those of this one → c0.
inline constexpr uint64_t bank_reduce = method_code("bank.reduce");
// Walks this bank and all below it, parents first. w1: 0, or the account that the step before
// answered; w2 Kind, or 0 for all → w1 account, w2 depth below this bank (itself: 0), w3 frames of
// that kind used, w4 limit, w5 1 if it is being destroyed or dissolved; not_found: that was the last, or
// the bank w1 is gone (begin again).
inline constexpr uint64_t bank_list = method_code("bank.list");
}  // namespace method

// What `type` answers in w1 (with the restrictions in w2).
inline constexpr uint64_t bank_interface_code = method_code("bank");

// A set bit takes something away: 0 is the full bank. Any combination is legal.
namespace bank_restriction {
inline constexpr uint64_t may_not_allocate = 1 << 0;  // nor create sub-banks
inline constexpr uint64_t may_not_free = 1 << 1;  // nor recap
inline constexpr uint64_t may_not_destroy = 1 << 2;
inline constexpr uint64_t may_not_change_limit = 1 << 3;
inline constexpr uint64_t may_not_see_limit = 1 << 4;  // nor usage and the banks below; implies
                                                       // may_not_change_limit
// For a server that borrows from a bank above: otherwise the objects it bought could be pushed up into the
// bank of a lender that cannot afford to destroy them.
inline constexpr uint64_t may_not_dissolve = 1 << 5;
inline constexpr uint64_t all = (1 << 6) - 1;
}  // namespace bank_restriction

inline constexpr uint64_t bank_unlimited = 0xffff'ffff;  // larger numbers are a bad_argument
inline constexpr unsigned bank_depth_max = 32;           // banks on a path, the root included
inline constexpr unsigned bank_allocate_count_max = 3;
inline constexpr uint32_t bank_root_account = 1;

// What the image description sets up for the bank server (spacebank/server/program.cpp).
//
// Memory, every page present (its program, stack and books are never faulted in by a program):
//   program and stack      as for every program of the image
//   bank_arena_address     arena_bytes(N) bytes, read-write, written by spacebank/genesis.hpp;
//                          N: the frames of the store
// It begins `running`, and buys from the root bank what else it needs. Capability registers:
namespace bank_register {
inline constexpr unsigned range = 3;         // over all frames of the store, from frame 0
inline constexpr unsigned endpoint = 4;      // control of the server's endpoint, which names it
inline constexpr unsigned distinguished = 5; // entry of that endpoint, payload bank_entry_payload
inline constexpr unsigned sweeper_schedule = 6;  // its ceiling is for when the sweeper hurries
inline constexpr unsigned space = 7;         // its own address space
inline constexpr unsigned sold_schedule = 16;  // schedules that are sold derive from it; void: ceiling 0
}  // namespace bank_register
inline constexpr uint64_t bank_arena_address = 0x10'0000'0000;  // layout::arena_start

// The entry payload that is reserved for bank capabilities. An entry with it is never handed out
// bare: only as the target of a wrapper with the payload bank_facet_payload(). Without the
// reservation a client could put a wrapper of its own around an entry and choose the bank.
inline constexpr uint64_t bank_entry_payload = 0x6b6e6162;
constexpr uint64_t bank_facet_payload(uint32_t account, uint64_t restrictions) {
  return restrictions << 32 | account;
}

}  // namespace perdure
