# SPDX-License-Identifier: MIT
"""What a hostile program can do to others: nothing. For each attack an image of its own, with an
honest server, its client, and the attacker (test/hostile). The client is served throughout, gets
every answer right, destroys the attacker's bank, and is served again; the image is sound. An attack
that would go on for ever is cut in its middle, and goes on behind that."""

from perdure_host import image
from perdure_host.machine import Machine
from perdure_host.testing import main
from perdure_host.workplace import BUILD, ROOT

TIME_LIMIT_SECONDS = 180

# In the order of test/hostile/attacks.hpp; the machine tells the name back.
CASES = ("bad_registers", "bad_addresses", "privileged_instructions", "not_canonical",
         "kernel_addresses", "endless_loop", "flood", "reply_twice", "never_receives",
         "silent_keeper", "forged_payload", "bank_destroyed_in_request", "stopped_sender",
         "deep_nesting", "full_bank", "random_calls", "residue", "priority_inversion", "busy_keeper",
         "highest_priority")

LINE = r"hostile (\w+): (.*)\n"
HOSTILE = ROOT / "test" / "hostile" / "hostile.description"
FOLDERS = (image.PROGRAMS, BUILD / "test" / "hostile")


def test(lab):
    text = HOSTILE.read_text().replace("argument ATTACK", f"argument {CASES.index(lab.case)}")
    description = lab.directory / "hostile.description"
    description.write_text(text)
    disk = lab.directory / "hostile.img"
    image.make(disk, description, "32M", "4M", image.gathered_programs(lab.directory, FOLDERS))
    number, verdict = lab.verdict()
    machine = lab.start(disk, verdict, kind=Machine)
    said = machine.expect(LINE, TIME_LIMIT_SECONDS)
    if said[2] == "to be cut":
        machine.await_checkpoint()
        machine.kill()
        machine = lab.start(disk, verdict, kind=Machine)
        said = machine.expect(LINE, TIME_LIMIT_SECONDS)
    assert (said[1], said[2]) == (lab.case, "ok"), said[0]
    machine.expect_end(number)
    image.verified_generation(disk)


if __name__ == "__main__":
    main(test)
