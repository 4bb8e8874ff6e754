# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Updates beside clients that ask without a pause."""

import unittest

import case
import server

UPDATES = 50 if case.ALL else 5


class TrafficTests:
    """For every engine and each of its ways to pause."""

    def check(self, running, assert_right, mode, *flags):
        with case.Clients(running) as clients:
            for i in range(UPDATES):
                version = "BA"[i % 2]
                with self.subTest(update=i):
                    report = self.push(running, self.model, version, *flags)
                    self.assertEqual(report["engines"][0]["pause"]["mode"], mode)
                    assert_right(version)
        self.assertEqual(clients.failures, [])
        # The clients did ask while there were updates.
        self.assertGreater(clients.answered, 0)


class SglangTraffic(TrafficTests, case.EngineTest):
    kind = server.Sglang
    model = "llama"

    def test_paused_as_by_default(self):
        running = self.engine(self.kind, self.model)
        self.check(running, lambda version: self.assert_serves(running, self.model, version), "retract")

    def test_paused_in_place(self):
        # What runs goes on with what it has computed, and so does a request that begins like an earlier one: answers are
        # the old weights' and the new ones' at once. The weights themselves are right.
        running = self.engine(self.kind, self.model)
        expected = {}
        for version in "AB":
            self.push(running, self.model, version)
            expected[version] = running.checksums()

        def assert_right(version):
            self.assertEqual(running.checksums(), expected[version])

        self.check(running, assert_right, "in_place", "--pause", "in_place")


class VllmTraffic(TrafficTests, case.EngineTest):
    kind = server.VllmOnUnixSocket
    model = "qwen3_moe_tied"

    def test_paused_as_by_default(self):
        running = self.engine(self.kind, self.model)
        self.check(running, lambda version: self.assert_serves(running, self.model, version), "keep")


if __name__ == "__main__":
    unittest.main()
