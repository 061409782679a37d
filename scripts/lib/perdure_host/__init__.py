# SPDX-License-Identifier: MIT
"""What the scripts and the tests share on the host: building, images, the emulator.

  workplace.py  where things are, setting up, building
  arguments.py  options of the scripts
  image.py      disk images: making, checking, which are in use
  boot_iso.py   the ISO that GRUB boots, one for each kernel command line
  emulator.py   QEMU's command line, and what its end means
  firmware.py   where this host keeps UEFI firmware
  monitor_events.py  why QEMU ended
  typed_ahead.py  input that lies ready before the machine listens
  console.py    reading and typing at a serial console
  machine.py    a machine under test: console, monitor, power cut
  shell.py      the guest's shell, seen from the other end of the line
  write_log.py  what a machine wrote to its disk, and every disk that a power cut could leave
  powercut.py   a busy machine cut again and again, and the books on what it promised
  register_kills.py  kills around the spinner
  terminal.py   a command on a terminal of its own
  spinner.py    the program whose state is in registers only, and what they must hold
  life.py       the cellular automaton, and what its lines must say
  transcripts.py  plays what a document claims
  tree_copy.py  a copy of the sources, for tests of what changes them
  testing.py    what a system test is given
  changed_source.py  tests in which one source file is changed
  changed_tree.py  the same for tests of the machine: a copy of the tree with a fault in it
  test_parts.py the parts of the test suite
"""
