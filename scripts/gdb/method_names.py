# SPDX-License-Identifier: MIT
"""From a method's code back to its name. A code is the hash of a name (objects/abi.hpp: method_code), and no list of
names is in the kernel: so the names are looked for where the sources declare them."""

import functools
import re

from kernel_memory import ROOT

DECLARED_IN = (("objects", r'method_code\("([\w.]+)"\)'), ("userland", r'Method<.*>\s*\w+\{"(\w+)"'),
               ("spacebank", r'Method<.*>\s*\w+\{"(\w+)"'))


def code_of(name):
    code = 0xcbf29ce484222325
    for character in name.encode():
        code = (code ^ character) * 0x100000001b3 & (1 << 64) - 1
    return code


@functools.cache
def names():
    found = {}
    for folder, pattern in DECLARED_IN:
        for file in (ROOT / folder).rglob("*.hpp"):
            found.update({code_of(name): name for name in re.findall(pattern, file.read_text())})
    return found


def name_of(code):
    return names().get(code, f"{code:#x}")
