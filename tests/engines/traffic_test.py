# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Updates beside clients that ask without a pause."""

import unittest

import case
import server

UPDATES = 50 if case.ALL else 5


class TrafficTests:
    """For every engine and each of its ways to pause."""

    def check(self, *flags, expected_mode):
        running = self.engine(self.kind, self.model)
        with case.Clients(running) as clients:
            for i in range(UPDATES):
                version = "BA"[i % 2]
                with self.subTest(update=i):
                    report = self.assert_update(running, self.model, version, *flags)
                    self.assertEqual(report["engines"][0]["pause"]["mode"], expected_mode)
        self.assertEqual(clients.failures, [])
        # The clients did ask while there were updates.
        self.assertGreater(clients.answered, 0)


class SglangTraffic(TrafficTests, case.EngineTest):
    kind = server.Sglang
    model = "llama"

    def test_paused_as_by_default(self):
        self.check(expected_mode="retract")

    def test_paused_in_place(self):
        self.check("--pause", "in_place", expected_mode="in_place")


class VllmTraffic(TrafficTests, case.EngineTest):
    kind = server.VllmOnUnixSocket
    model = "qwen3_moe"

    def test_paused_as_by_default(self):
        self.check(expected_mode="keep")


if __name__ == "__main__":
    unittest.main()
