# SPDX-License-Identifier: MIT
"""The changes of a line of C++ that leave_out.py tries.

Most can stand in the file beside what they change, and a number in the environment says which of them is made: so the
file is compiled once for all of them, not once for each. What does not fit into an expression (the condition is a
declaration, the types do not agree) is compiled by itself.
"""

import dataclasses
import re

KINDS = ("check", "effect", "call", "comparison", "operand")
CHOSEN = "PERDURE_CHANGE"  # in the environment of the test
# It stands in the first line, so the numbers of the lines stay. At compile time no change is made.
PRELUDE = ('extern "C" char* getenv(const char*) noexcept; extern "C" int atoi(const char*) noexcept; '
           f'static const int chosen_change = getenv("{CHOSEN}") ? atoi(getenv("{CHOSEN}")) : -1; '
           "static constexpr bool is_changed(int number) "
           "{ return !__builtin_is_constant_evaluated() && number == chosen_change; } ")

# Up to its condition, behind a declaration if it has one; the condition; the rest.
CHECK = re.compile(r"^(\s*(?:\}? ?else )?if \((?:[^;]*; )?)([^;]*)(\) (?:\[\[\w+\]\] )?(?:return|continue|break)\b.*;\s*(?://.*)?)$")
EFFECT = re.compile(r"^(\s*)((?:\+\+|--)[\w.\[\]()>-]+|[\w.\[\]()*>-]+ (?:\|=|&=) [^;]*);(\s*(?://.*)?)$")
CALL = re.compile(r"^(\s*)(?!return\b|assert_that\b)([\w.:>-]+\(.*\));(\s*(?://.*)?)$")
# What can be left out of a chain: no parenthesis is open in it.
TERM = r"[\w.:>-]+(?:\([^()]*\))?"
OPERAND = rf"!?{TERM}(?:\.\w+(?:\([^()]*\))?)*(?: (?:==|!=|<|>|<=|>=) {TERM})?"
FIRST = re.compile(rf"(?<=[(= ])({OPERAND}) (&&|\|\||\||&) (?=\S)")
LAST = re.compile(rf" (&&|\|\||\||&) ({OPERAND})(?=[;)])")
BEFORE_OPERAND = re.compile(r"(?:\(|&& |\|\| |[|&=?:;] |return )$")
# What has an order: not those that there is nothing above, and not enumerators.
WEAKENED = r" == (?!no_slot|no_table|nullptr|~uint64_t|(?:\w+::)*[A-Z]\w*::\w)"
COMPARISON = re.compile(rf"({TERM}(?:\.\w+(?:\([^()]*\))?)*){WEAKENED}({TERM}(?:\.\w+(?:\([^()]*\))?)*)"
                        r"(?=[);,]| &&| \|\|| \?|$)")
# What has to do with the compiler, with the kernel's own faults, only with how soon an interrupt is seen, or is
# text for people.
UNTRIED = ("static_assert", "template", "#", "assert_that", "trace.add", "trace_.add", "machine::let_interrupts_in",
           "machine::console_write")
# What takes the place of an operand that is left out: with it the chain is what it would be without.
NEUTRAL = {
    "&&": "(is_changed(<number>) || <old>)",
    "||": "(!is_changed(<number>) && <old>)",
    "|": "(is_changed(<number>) ? decltype(<old>){} : <old>)",
    "&": "(is_changed(<number>) ? ~decltype(<old>){} : <old>)",
}


@dataclasses.dataclass
class Change:
    file: str
    row: int      # of the line, from 0
    line: str
    kind: str
    becomes: str  # the line
    place: tuple  # (begin, end) in the line of what is changed, or None: it has to be compiled by itself
    switched: str = ""  # what stands in that place then: <number> is the change's, <old> what stood there

    def shown(self):
        return (self.line if self.kind in ("check", "effect", "call") else self.becomes).strip()

    def key(self):
        return self.file, self.kind, self.shown()


def changes_of_line(file, row, line):
    def change(kind, becomes, place=None, switched=""):
        return Change(file, row, line, kind, becomes, place, switched)

    code = line.split("//")[0]
    if not code.strip() or code.strip().startswith(UNTRIED):
        return
    if found := CHECK.match(line):
        yield change("check", f"{found[1]}false && ({found[2]}){found[3]}", found.span(2), "!is_changed(<number>) && (<old>)")
    for kind, pattern in (("effect", EFFECT), ("call", CALL)):
        if found := pattern.match(line):
            yield change(kind, f"{found[1]};{found[3]}", found.span(2),
                         "is_changed(<number>) ? void() : static_cast<void>(<old>)")
    if equal := re.search(WEAKENED, code):
        becomes = line[:equal.start()] + " >= " + line[equal.end():]
        found = COMPARISON.search(code)
        if found and equal.start() == found.end(1) and BEFORE_OPERAND.search(code[:found.start()]):
            yield change("comparison", becomes, found.span(),
                         f"(is_changed(<number>) ? {found[1]} >= {found[2]} : <old>)")
        else:
            yield change("comparison", becomes)
    for pattern, operand, operator in ((FIRST, 1, 2), (LAST, 2, 1)):
        if found := pattern.search(code):
            fits = pattern is LAST or BEFORE_OPERAND.search(code[:found.start()])
            yield change("operand", line[:found.start()] + line[found.end():], found.span(operand) if fits else None,
                         NEUTRAL[found[operator]])


def changes_of(file, text, kinds):
    return [change for row, line in enumerate(text.splitlines()) for change in changes_of_line(file, row, line)
            if change.kind in kinds]


def switched_line(line, numbered):
    """With all of these changes of it in it, each made only if its number is chosen. One that lies within another
    becomes part of it."""
    inserted = []  # (where, order of those in one place, text)
    for number, change in numbered:
        begin, end = change.place
        before, after = change.switched.replace("<number>", str(number)).rsplit("<old>", 1)
        inserted.append((begin, 1, -end, number, before.replace("<old>", line[begin:end])))
        inserted.append((end, 0, -begin, -number, after))
    for where, *_, text in sorted(inserted, reverse=True):
        line = line[:where] + text + line[where:]
    return line


def switched_text(text, changes):
    """The file with these changes in it, numbered as they come; those without a place are not among them."""
    lines = text.splitlines()
    of_row = {}
    for number, change in enumerate(changes):
        if change is not None and change.place is not None:
            of_row.setdefault(change.row, []).append((number, change))
    for row, numbered in of_row.items():
        lines[row] = switched_line(lines[row], numbered)
    lines[0] = PRELUDE + lines[0]
    return "\n".join(lines) + "\n"
