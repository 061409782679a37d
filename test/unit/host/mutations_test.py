# SPDX-License-Identifier: MIT
"""The lists of faults (`scripts/test mutations`) are kept with the code: the text of each fault stands in its file,
once, and each demonstration and each hostile program has a fault that it has to notice. So are the changes that
leave_out.py need not miss."""

import pathlib
import sys
import unittest

from perdure_host import changed_tree

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "test/unit/kernel"))
from left_out_on_purpose import ON_PURPOSE  # noqa: E402
from line_changes import KINDS, changes_of  # noqa: E402


def list_of(folder):
    return changed_tree.module_of(f"mutations_of_{folder}", ROOT / "test" / folder / "mutations.py")


class ListsOfFaults(unittest.TestCase):
    def expect_kept(self, name, file, old, new, nothing):
        with self.subTest(fault=name):
            self.assertEqual((ROOT / file).read_text().count(old), 1, f"times {old!r} stands in {file}")
            self.assertEqual(old == new, name == nothing, "only no fault at all changes nothing")

    def test_faults_tried_in_the_machine_are_kept(self):
        for folder in ("guest", "demonstrations"):
            faults = list_of(folder).FAULTS
            self.assertEqual(len({fault.name for fault in faults}), len(faults))
            for fault in faults:
                self.expect_kept(fault.name, fault.file, fault.old, fault.new, changed_tree.NOTHING)
                self.assertEqual(bool(fault.noticed_by), fault.name != changed_tree.NOTHING, fault.name)

    def test_faults_tried_on_the_host_are_kept(self):
        simulation = list_of("simulation")
        for name, files, old, new in simulation.FAULTS:
            self.expect_kept(name, simulation.with_folder(files.split()[0]), old, new, simulation.NOTHING)

    def test_each_change_that_may_stay_is_one_of_its_file(self):
        files = {file for file, _, _ in ON_PURPOSE}
        possible = {change.key() for file in files if (ROOT / file).is_file()
                    for change in changes_of(file, (ROOT / file).read_text(), KINDS)}
        self.assertEqual(sorted(set(ON_PURPOSE) - possible), [])

    def test_each_demonstration_and_each_attack_has_a_fault(self):
        demonstrations = list_of("demonstrations")
        named = {who.partition(":")[0] for fault in demonstrations.FAULTS for who in fault.noticed_by}
        self.assertGreater(len(demonstrations.rows()), 10)
        self.assertGreater(len(demonstrations.attacks()), 10)
        self.assertEqual(named, set(demonstrations.everybody()))


if __name__ == "__main__":
    unittest.main()
