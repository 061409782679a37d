# SPDX-License-Identifier: MIT
"""@name@ in the machine: what it keeps comes back after the plug was pulled, and destroying its bank
voids every capability to it."""

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 120


def test(lab):
    disk = lab.new_image()
    machine = lab.boot(disk, "interval=0")
    assert "started" in machine.run("start @name@ s1")
    assert machine.run("call s1 get").startswith("error: s1 says: ")
    assert machine.run("call s1 put hello") == "1"
    machine.checkpoint()
    machine.kill()

    machine = lab.boot(disk)
    machine.clear_line()
    assert machine.run("call s1 get") == "hello"
    assert "destroyed" in machine.run("destroy s1 -y")
    assert machine.run("call s1 get") == "error: capability is void"


if __name__ == "__main__":
    main(test)
