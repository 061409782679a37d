# SPDX-License-Identifier: MIT
"""The host tool as it is typed: exit statuses, one clear line for each error, nothing written
by a command that only reads. Run with the path of the tool."""

import fcntl
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

TOOL = os.path.abspath(sys.argv.pop(1))

DESCRIPTION = """
program idle
bank root
schedule ordinary
  priority 4
endpoint bank
  receiver bank
process bank
  program idle
  schedule ordinary
  arena books bank
  register 3 range all
"""


def idle_program():
    """A static ELF64 file: `jmp .` at 4 MiB, a little data at 16 MiB."""
    header = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, 0x400000, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    text = struct.pack("<IIQQQQQQ", 1, 5, 4096, 0x400000, 0x400000, 2, 2, 4096)
    data = struct.pack("<IIQQQQQQ", 1, 6, 8192, 0x1000000, 0x1000000, 3, 9000, 4096)
    return (header + text + data).ljust(4096, b"\0") + b"\xeb\xfe".ljust(4096, b"\0") + b"\1\2\3"


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="perdure-test-")
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        (self.path / "idle.elf").write_bytes(idle_program())
        (self.path / "image.description").write_text(DESCRIPTION)
        self.image = self.path / "test.img"

    def run_tool(self, *words):
        return subprocess.run([TOOL, *map(str, words)], cwd=self.path, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)

    def build(self, *words, size="64M", log_size="4M"):
        return self.run_tool("image", "build", self.image, "image.description", "--size", size,
                             "--log-size", log_size, *words)

    def assert_refused(self, result, status, words):
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        lines = (result.stdout + result.stderr).splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertIn(words, lines[0])

    def test_build_and_look(self):
        result = self.build()
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        self.assertRegex(result.stdout, r"image built: \d+ frames of \d+ used, 1 banks, generation 0\n$")
        digest = hashlib.sha256(self.image.read_bytes()).digest()
        result = self.run_tool("image", "verify", self.image)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"^image verified: \d+ objects, 1 banks, generation 0\n$")
        for verb, word in [("info", "store"), ("report", "no report"), ("generations", "generation 0"),
                           ("list", "process")]:
            result = self.run_tool("image", verb, self.image)
            self.assertEqual((result.returncode, result.stderr), (0, ""), verb)
            self.assertIn(word, result.stdout)
            self.assertIsNotNone(self.json_of(verb) if verb != "report" else True)
        self.assertEqual(hashlib.sha256(self.image.read_bytes()).digest(), digest, "a reader wrote")

    def json_of(self, verb, *words):
        return json.loads(self.run_tool("image", verb, self.image, "--json", *words).stdout)

    def test_json(self):
        self.build()
        self.assertEqual(self.json_of("info")["generation"], 0)
        verified = self.json_of("verify")
        self.assertTrue(verified["verified"] and verified["banks"] == 1)
        self.assertIsNone(self.json_of("report"))
        self.assertEqual([g["generation"] for g in self.json_of("generations")], [0])
        processes = self.json_of("list", "--kind", "process")
        self.assertEqual([(p["kind"], p["description"]) for p in processes], [("process", "running")])
        self.assertEqual(self.json_of("list", "--account", "77"), [])

    def test_damage(self):
        self.build()

        def turn_byte(block):
            with open(self.image, "r+b") as file:
                file.seek(block * 4096 + 20)
                file.write(b"\xff")

        turn_byte(32)
        result = self.run_tool("image", "verify", self.image)
        self.assertEqual(result.returncode, 0)
        self.assertTrue(result.stdout.startswith(
            "note: root B, copy 0: does not verify; the other copy serves\nimage verified: "), result.stdout)
        self.assertEqual(self.json_of("verify")["note_count"], 1)
        turn_byte(96)
        result = self.run_tool("image", "verify", self.image)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, "image damaged: both copies of a root\n")

    def test_refused_files(self):
        for contents, words in [(b"", "empty"), (b"garbage" * 9999, "not a Perdure image"),
                                (b"QFI\xfb" + bytes(1 << 16), "a qcow2 file")]:
            self.image.write_bytes(contents)
            for verb in ["info", "verify", "report", "generations", "list"]:
                self.assert_refused(self.run_tool("image", verb, self.image), 3, words)
            self.assertEqual(self.image.read_bytes(), contents)
        self.assert_refused(self.run_tool("image", "verify", self.path / "absent"), 3, "No such file")
        self.assert_refused(self.run_tool("image", "verify", self.path), 3, "not a regular file")

    def test_image_in_use(self):
        self.build()
        with open(self.image, "r+b") as file:
            fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 100, 1, 0))
            for verb in ["info", "verify", "report", "generations", "list"]:
                self.assert_refused(self.run_tool("image", verb, self.image), 3, "in use")
            self.assert_refused(self.build("--force"), 3, "in use")

    def test_an_image_is_replaced_only_when_asked(self):
        self.build()
        first = self.json_of("info")["store_id"]
        self.assert_refused(self.build(), 3, "exists already; --force replaces it")
        self.assertEqual(self.json_of("info")["store_id"], first)
        self.assertEqual(self.build("--force").returncode, 0)
        self.assertNotEqual(self.json_of("info")["store_id"], first)

    def test_wrong_command_lines(self):
        for words in [(), ("image",), ("picture",), ("image", "verify"), ("image", "paint", "x"),
                      ("image", "verify", "x", "--loud"), ("image", "verify", "x", "y")]:
            self.assert_refused(self.run_tool(*words), 2, "--help")
        self.build()
        self.assert_refused(self.run_tool("image", "list", self.image, "--kind", "cat"), 2, "--kind: 'cat'")
        self.assert_refused(self.run_tool("image", "list", self.image, "--account", "cat"), 2, "--account")

    def test_wrong_sizes(self):
        self.assert_refused(self.build(size="much"), 2, "--size: 'much' is not a size")
        self.assert_refused(self.build(log_size="1M"), 2, "--log-size: 1M is too small; at least 3 MiB")
        self.assert_refused(self.build(size="4M"), 2, "no store fits")
        self.assert_refused(self.build(log_size="1000000G"), 2, "no store fits")
        self.assertFalse(self.image.exists())

    def test_wrong_descriptions_and_programs(self):
        (self.path / "image.description").write_text(DESCRIPTION + "  colour red\n")
        self.assert_refused(self.build(), 2, "image.description:13: unknown statement 'colour'")
        (self.path / "image.description").write_text(DESCRIPTION)
        (self.path / "idle.elf").write_bytes(idle_program()[:5000])
        self.assert_refused(self.build(), 2, "idle.elf: cut short")
        (self.path / "idle.elf").unlink()
        self.assert_refused(self.build(), 2, "idle.elf: No such file")
        (self.path / "image.description").unlink()
        self.assert_refused(self.build(), 2, "image.description: No such file")
        self.assertEqual(list(self.path.glob("test.img*")), [])

    def test_help(self):
        for words in [(), ("image",)] + [("image", verb) for verb in (
                "build", "info", "verify", "report", "generations", "list")]:
            result = self.run_tool(*words, "--help")
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn("Usage", result.stdout)

    def test_a_reader_that_goes_away(self):
        self.build()
        words = f"'{TOOL}' image list '{self.image}' | :"
        ended = subprocess.run(["bash", "-c", f"trap '' PIPE; {words}"], capture_output=True, text=True, timeout=60)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))

    def test_where(self):
        (self.path / "program.c").write_text("static inline __attribute__((always_inline)) int inner(volatile int *p)\n"
                                             "{\n  return *p;\n}\n"
                                             "int outer(volatile int *p)\n{\n  return inner(p);\n}\n"
                                             "int main(void) { int i = 0; return outer(&i); }\n")
        subprocess.run(["cc", "-g", "-O1", "-fno-pie", "-no-pie", "-fcf-protection=none", "-o", "program", "program.c"],
                       cwd=self.path, check=True)
        symbols = subprocess.run(["nm", "program"], cwd=self.path, check=True, capture_output=True, text=True).stdout
        address = "0x" + next(line.split()[0] for line in symbols.splitlines() if line.endswith(" outer"))
        text = self.run_tool("where", "./program", address)
        self.assertEqual((text.returncode, text.stderr), (0, ""))
        first, second = text.stdout.splitlines()
        self.assertRegex(first, r"^inner at .*program\.c:3$")
        self.assertRegex(second, r"^  inlined in outer at .*program\.c:7$")
        places = json.loads(self.run_tool("where", "./program", address, "--json").stdout)
        self.assertEqual([(place["function"], place["line"]) for place in places], [("inner", 3), ("outer", 7)])
        self.assert_refused(self.run_tool("where", "./program", "0x10"), 2, "has no code at 0x10")
        self.assert_refused(self.run_tool("where", "./program", "main"), 2, "is not an address")
        self.assert_refused(self.run_tool("where", "no_such_program", "0x400000"), 2, "there is no program")
        self.assert_refused(self.run_tool("where", "./program"), 2, "ADDRESS is required")


if __name__ == "__main__":
    unittest.main()
