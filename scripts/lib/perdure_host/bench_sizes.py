# SPDX-License-Identifier: MIT
"""How large the kernel is: lines of what its ELF is built from, bytes of its text."""

import re
import subprocess

from .bench_figure import Figure
from .workplace import KERNEL, ROOT, Refusal

FOLDERS = ("kernel", "objects", "checkpoint")
SOURCES = (".cpp", ".hpp", ".h", ".S")
COMMENTS = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def code_lines(text):
    """Lines that are neither blank nor comment alone."""
    bare = COMMENTS.sub(lambda found: found[0] if found[0].startswith('"') else " ", text)
    return sum(1 for line in bare.splitlines() if line.strip())


def kernel_lines():
    return sum(code_lines(path.read_text()) for folder in FOLDERS
               for path in (ROOT / folder).rglob("*") if path.suffix in SOURCES)


def text_bytes(elf):
    """All of .text, with the part that runs before paging (.boot)."""
    listed = subprocess.run(["size", "-A", elf], stdout=subprocess.PIPE, text=True)
    sections = dict(re.findall(r"^(\.\S+)\s+(\d+)", listed.stdout, re.MULTILINE))
    if ".text" not in sections:
        raise Refusal(f"size does not tell the text of {elf}")
    return sum(int(size) for name, size in sections.items() if re.match(r"\.(text|boot)\b", name))


def kernel(_):
    return {"kernel_lines": Figure(kernel_lines(), "lines"),
            "kernel_text_bytes": Figure(text_bytes(KERNEL), "bytes")}
