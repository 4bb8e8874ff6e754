# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What an engine says that it holds: --prove, --prove-against and the doctor, which agree with the engine's own checksums."""

import pathlib
import shutil
import unittest

import case
import server


class SglangProof(case.EngineTest):
    model = "llama"

    def setUp(self):
        self.running = self.engine(server.Sglang, self.model)

    def run_node(self, version, *flags):
        """The exit status and the output of a node."""
        with self.node(self.running, self.model, version, *flags) as pusher:
            return pusher.wait(), pusher.output

    def proved(self, version):
        """A report of an update to this version with its checksums. The caller may keep the file: it ends with the test."""
        kept = pathlib.Path(self.running.directory / f"report-{version}.json")
        with self.node(self.running, self.model, version, "--prove") as pusher:
            self.assertEqual(pusher.wait(), 0, pusher)
            shutil.copy(pusher.report_path, kept)
            return kept, pusher.report["engines"][0]["proof"]["checksums"]

    def test_later_updates_are_compared(self):
        report, checksums = self.proved("A")
        self.assertEqual(checksums, self.running.checksums())
        status, output = self.run_node("A", "--prove-against", report)
        self.assertEqual(status, 0, output)
        status, output = self.run_node("B", "--prove-against", report)
        self.assertEqual(status, 4, output)
        self.assertIn("rank 0: ", output)
        self.assertIn("holds others than it should", output)
        self.assertNotEqual(self.running.checksums(), checksums)

    def test_doctor_finds_nothing_where_all_is_well(self):
        self.release(server.Sglang)
        self.running = self.engine(server.Sglang, self.model)  # has loaded A by itself
        loaded = self.running.checksums()
        status, output = self.run_node("A", "doctor", "--yes")
        self.assertEqual(status, 0, output)
        self.assertIn("parameters are proved to be as it loaded them itself", output)
        self.assertEqual(self.running.checksums(), loaded)
        self.assert_loaded()

    def test_doctor_finds_another_checkpoint(self):
        self.proved("A")
        status, output = self.run_node("B", "doctor", "--yes")
        self.assertEqual(status, 4, output)
        self.assertIn("set otherwise", output)
        self.assertNotIn("not reached", output)

    def assert_loaded(self):
        self.assert_serves(self.running, self.model, "A")


@case.in_full_only
class SglangProofOfFusedTensors(SglangProof):
    """SGLang cannot generate with DeepSeek-V3 on a CPU."""

    model = "deepseek_v3"

    def assert_loaded(self):
        pass


if __name__ == "__main__":
    unittest.main()
