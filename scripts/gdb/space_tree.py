# SPDX-License-Identifier: MIT
"""An address space as a tree, a line for each node and each page (kernel/memory/space_walk.hpp says what the numbers mean).
What is not in memory is named, and not fetched."""

from kernel_memory import NotThere, constant, name_of, names_of_bits, object_name, restriction_names

PAGE_BITS = 12
SLOT_BITS = 4      # a node has 16 slots; that it has them is asked of the type
DEPTH_MAX = 16     # a node may contain itself


def lines_of(cache, space):
    """`space`: the capability."""
    return ["no address space"] if name_of(space["type"]) == "void_capability" else list(subtree(cache, space, 0, None, 0))


def subtree(cache, capability, first_page, slot_pages, depth):
    """`first_page`, `slot_pages`: what the slot in which it stands covers; None: everything."""
    kind, indent = name_of(capability["type"]), "  " * depth
    rights = " ".join(names_of_bits(int(capability["restrictions"]), restriction_names()))
    told = f"{kind} {object_name(capability['object'])} {rights}".rstrip()
    verdict = cache.verdict(capability)
    if kind != "node" or verdict != "valid":
        begin = first_page + (int(capability["payload"]) if kind in ("page", "capability_page") else 0)
        yield f"{indent}{begin << PAGE_BITS:#012x}  {told}: {where(cache, capability, verdict)}"
        return
    if depth == DEPTH_MAX:
        yield f"{indent}{told}: too deep"
        return
    node = cache.object_of(capability)
    slots = node["slots"]
    first, last = slots.type.range()
    size = int(node["slot_size"])
    begin = first_page + (int(capability["payload"]) << size + SLOT_BITS)
    assert last - first + 1 == 1 << SLOT_BITS
    if slot_pages is not None and begin - first_page >= slot_pages:
        yield f"{indent}{told}: its guard is outside of the slot"
        return
    yield f"{indent}{begin << PAGE_BITS:#012x}  {told}, slots of {(1 << size + PAGE_BITS):#x} bytes{keeper_of(cache, node)}"
    for index in range(first, last + 1):
        slot = slots[index]
        if name_of(slot["type"]) == "void_capability":
            continue
        if index == last and int(node["flags"]) & constant("Node", "flag_pocket"):
            yield f"{indent}  pocket: {name_of(slot['type'])}, the keeper's; no memory"
            continue
        yield from subtree(cache, slot, begin + (index << size), 1 << size, depth + 1)


def where(cache, capability, verdict):
    if verdict == "valid":
        return "in memory"
    frame = int(object_name(capability["object"]).split(".")[0])
    return verdict if frame in cache.slots else "only on the disk, or void"


def keeper_of(cache, node):
    if name_of(node["keeper"]["type"]) == "void_capability":
        return ""
    try:
        receiver = cache.receiver_of(node["keeper"])
    except NotThere:
        receiver = None
    return ", with a keeper" + (f": process {receiver}" if receiver is not None else "")
