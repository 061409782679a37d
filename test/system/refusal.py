# SPDX-License-Identifier: MIT
"""An image that is missing, empty, truncated, garbage, of another version, or in use: one clear
line and exit status 3 from scripts/run and from scripts/perdure, and not one byte is changed. The
kernel itself, given such a disk, refuses too."""

import hashlib
import shutil
import subprocess

from perdure_host import emulator
from perdure_host.emulator import GUEST_REFUSED, GUEST_UNSUITABLE
from perdure_host.roots import BLOCK, PLACES
from perdure_host.testing import main
from perdure_host.workplace import KERNEL, SCRIPTS

TIME_LIMIT_SECONDS = 300
CHAOS = False


def test(lab):
    good = lab.new_image("good.img")
    content = good.read_bytes()
    refused = {
        "empty": b"",
        "tiny": content[:1000],
        "truncated": content[:len(content) // 2],
        "garbage": bytes(lab.random.randrange(256) for _ in range(1 << 16)) * 64,
        "zeros": bytes(len(content)),
        "other_version": with_other_version(content),
    }
    for name, wrong in refused.items():
        path = lab.directory / f"{name}.img"
        path.write_bytes(wrong)
        lab.damaged(path)
        scripts_refuse(path)
        if len(wrong) >= BLOCK:
            kernel_refuses(lab, path)
    nowhere = lab.directory / "nowhere" / "x.img"
    refuses_in_one_line([SCRIPTS / "run", "--disk", nowhere])
    refuses_in_one_line([SCRIPTS / "perdure", "image", "info", nowhere])
    no_disk = lab.start(None)
    no_disk.expect("perdure: ")
    no_disk.expect_end(GUEST_UNSUITABLE)
    affected_processor(lab, good)
    machine_names_what_is_missing(lab, good)
    too_long_a_line(lab, good)
    several_disks(lab, good)
    used_by_another(lab, good)


def too_long_a_line(lab, path):
    """QEMU itself writes one of more than 4096 characters over what it hands over."""
    for length, line in ((3000, "the command line is too long"), (5000, "more than 4096 characters")):
        machine = lab.start(path, "x" * length)
        machine.expect(f"perdure: .*{line}")
        machine.expect_end(GUEST_UNSUITABLE)


def several_disks(lab, ours):
    """The first with a root is the store's, whatever stands in front of it, and however sick what stands behind it; of
    each it is told what it is."""
    foreign, other, copy = (lab.directory / name for name in ("foreign.img", "other.img", "copy.img"))
    for path in (foreign, other):
        path.write_bytes(lab.random.randbytes(8 << 20))
    lab.will_judge(ours)
    shutil.copyfile(ours, copy)
    before = [digest(path) for path in (foreign, other, copy)]
    place = r"perdure: disk on PCI bus 0, device \d+, function 0"
    no_store, taken, left = place + r", \d+ MiB: no store\n", place + r", \d+ MiB: taken as the store\n", place + ": not looked at\n"
    for disks, options, told in (((foreign, ours), {}, (no_store, taken)), ((ours, foreign), {}, (taken, left)),
                                 ((ours, copy), {}, (taken, left)), ((foreign, ours, other), {}, (no_store, taken, left)),
                                 ((ours, other), {other: ",iommu_platform=on"}, (taken, left)),
                                 ((ours, other), {other: ",vectors=0"}, (taken, left)),
                                 ((foreign, ours), {foreign: BAD_ROOT_PLACE}, (no_store, taken))):
        machine = boot_with(lab, disks, options)
        for line in told:
            machine.expect(line)
        machine.boot()
        machine.kill()
    machine = boot_with(lab, (foreign, other))
    machine.expect(r"image refused: there is no root on the disk \(disk on PCI bus 0, device \d+, function 0, 8 MiB\)\n")
    machine.expect_end(GUEST_REFUSED)
    assert [digest(path) for path in (foreign, other, copy)] == before, "another disk was written to"


# Of a disk, in place of an option of its device.
BAD_ROOT_PLACE = object()
BAD_SECTOR_WORDS = f"inject-error.0.event=read_aio,file.inject-error.0.sector={PLACES[1] // 512}"


def boot_with(lab, disks, options={}):
    words = []
    for number, path in enumerate(disks):
        option = options.get(path, "")
        file = f"file.driver=file,file.filename={path}"
        if option is BAD_ROOT_PLACE:
            file, option = f"file.driver=blkdebug,file.image.driver=file,file.image.filename={path},file.{BAD_SECTOR_WORDS}", ""
        words += ["-blockdev", f"driver=raw,node-name=d{number},{file}",
                  "-device", f"virtio-blk-pci,drive=d{number},disable-legacy=on{option}"]
    return lab.start(None, "interval=0", further=words)


def machine_names_what_is_missing(lab, path):
    """A processor without what the image was run with, and a disk that demands what the kernel does not take."""
    lab.boot(path, "interval=0").kill()
    before = digest(path)
    for words, line, number in ((["-cpu", "max,-avx"], "perdure: image refused: it was run with AVX, which", GUEST_REFUSED),
                                (["-global", "virtio-blk-device.iommu_platform=on"],
                                 r"perdure: cannot use the disk on PCI bus 0, device \d+, function 0: it demands VIRTIO_F_ACCESS_PLATFORM", GUEST_UNSUITABLE)):
        machine = lab.start(path, further=words)
        machine.expect(line)
        machine.expect_end(number)
    assert digest(path) == before, f"{path} was changed"


def affected_processor(lab, path):
    """One of Intel that says nothing of Meltdown, and no emulation. It is refused sooner than a monitor could
    be asked anything."""
    before = digest(path)
    words = [emulator.QEMU, *emulator.machine_words(128, "tcg", "max,vendor=GenuineIntel,-hypervisor"),
             "-nodefaults", "-serial", "stdio", "-no-reboot", *emulator.disk_words(path)]
    refused = subprocess.run([*words, *emulator.direct_boot_words(KERNEL, [])], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, text=True, timeout=60)
    assert emulator.guest_number(refused.returncode) == GUEST_REFUSED, refused
    assert "perdure: this processor lets programs read what is not theirs" in refused.stdout, refused
    assert "unsafe-processor" in refused.stdout and digest(path) == before, refused
    for processor, words in (("max,vendor=GenuineIntel,-hypervisor", ["unsafe-processor"]),
                             ("max,vendor=GenuineIntel", [])):  # the latter is emulated, and says so
        lab.boot(path, *words, further=["-cpu", processor]).kill()


def with_other_version(content):
    """As a release of the future would write it: only the version and the checksum differ."""
    changed = bytearray(content)
    for place in PLACES:
        changed[place + 8] ^= 0x40  # the format version follows the magic number
    return bytes(changed)


def scripts_refuse(path):
    before = digest(path)
    refuses_in_one_line([SCRIPTS / "run", "--disk", path])
    for verb in ("info", "verify", "generations", "list"):
        refuses_in_one_line([SCRIPTS / "perdure", "image", verb, path])
    assert digest(path) == before, f"{path} was changed"


def kernel_refuses(lab, path):
    before = digest(path)
    machine = lab.start(path)
    machine.expect(r"perdure: image refused: \S.*\n")
    machine.expect_end(GUEST_REFUSED)
    assert digest(path) == before, f"{path} was changed by the kernel"


def used_by_another(lab, path):
    machine = lab.boot(path, "interval=0")
    for command in ([SCRIPTS / "run", "--disk", path],
                    [SCRIPTS / "run", "--fresh", "--yes", "--disk", path],
                    [SCRIPTS / "perdure", "image", "verify", path]):
        line = refuses_in_one_line(command)
        assert "in use" in line, line
    assert "started" in machine.run("start counter c1")


def refuses_in_one_line(command):
    result = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, timeout=120, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    told = f"{command} ended with {result.returncode}: {result.stdout!r} {result.stderr!r}"
    assert result.returncode == 3, told
    assert len(result.stderr.splitlines()) == 1, told
    return result.stderr


def digest(path):
    return hashlib.sha256(path.read_bytes()).digest()


if __name__ == "__main__":
    main(test)
