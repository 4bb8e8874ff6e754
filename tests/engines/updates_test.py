# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Updates of running engines: afterwards they answer as Hugging Face transformers does with the same weights."""

import unittest

import case
import relay
import resources
import server

BUCKETS = ["4KiB", "1MiB", "16MiB"]
UPDATES = 50
WARM_UP_UPDATES = 10
# A ring or a copy of the model that is left behind with every update would be ten times as much.
RESIDENT_BYTES_MAX = 64 << 20


class UpdateTests:
    """For every engine."""

    def test_weights_change_to_and_fro(self):
        running = self.engine(self.kind, self.model)
        for version in "ABA":
            self.assert_update(running, self.model, version)

    def test_bucket_sizes(self):
        running = self.engine(self.kind, self.model)
        for i, size in enumerate(BUCKETS):
            with self.subTest(bucket_size=size):
                self.assert_update(running, self.model, "BA"[i % 2], "--bucket-size", size)

    def test_fifty_updates_leave_nothing_behind(self):
        running = self.engine(self.kind, self.model)
        for i in range(WARM_UP_UPDATES):
            self.push(running, self.model, "AB"[i % 2])
        before = resources.usage(running.group)
        for i in range(UPDATES):
            self.push(running, self.model, "AB"[i % 2])
        after = resources.usage(running.group)
        self.assert_serves(running, self.model, "AB"[(UPDATES - 1) % 2])
        seen = f"before: {before}, after: {after}"
        self.assertLess(after.resident_bytes - before.resident_bytes, RESIDENT_BYTES_MAX, seen)
        self.assertEqual(after.shared_files, before.shared_files, seen)
        # A connection more or less may be about to be closed; a leak would be one with every update.
        self.assertLess(after.descriptors - before.descriptors, UPDATES / 2, seen)
        self.assertLess(after.threads - before.threads, UPDATES / 2, seen)


class SglangUpdates(UpdateTests, case.EngineTest):
    kind = server.Sglang
    model = "llama"

    def test_version_is_reported(self):
        running = self.engine(self.kind, self.model)
        for step in ("step-1", "step-2"):
            report = self.push(running, self.model, "A", "--weight-version", step)
            self.assertEqual(running.weight_version(), step)
            self.assertEqual(report["engines"][0]["version"], step)

    def test_wrong_key_is_named(self):
        running = self.engine(self.kind, self.model)
        self.push(running, self.model, "A")
        with self.node(running, self.model, "B", key="the wrong key") as pusher:
            self.assertEqual(pusher.wait(), 4, pusher)
            self.assertRegex(pusher.output, r"40[13].*key", pusher)
        self.assert_serves(running, self.model, "A")

    def test_node_reaches_it_over_a_unix_socket(self):
        running = self.engine(self.kind, self.model)
        path = running.directory / "socket"
        passing = relay.Relay(relay.unix_listener(path), relay.tcp_connector(running.port))
        self.addCleanup(passing.close)
        self.addCleanup(path.unlink)
        self.assert_update(running, self.model, "B", "--uds", path)

    @case.in_full_only
    def test_other_models(self):
        for name in ("qwen3_tied", "llama_large"):
            running = self.engine(self.kind, name)
            for version in "BA":
                self.assert_update(running, name, version)


class VllmUpdates(UpdateTests, case.EngineTest):
    """It listens on a Unix socket; a server on TCP is in cold_start_test. vLLM asks for the key only under /v1, so there is no
    wrong one for an update."""

    kind = server.VllmOnUnixSocket
    model = "qwen3_moe_tied"

    @case.in_full_only
    def test_dense_models(self):
        for name in ("qwen3_tied", "llama", "llama_large"):
            running = self.engine(self.kind, name)
            for version in "BA":
                self.assert_update(running, name, version)


if __name__ == "__main__":
    unittest.main()
