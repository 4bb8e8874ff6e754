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
        with case.node.Node(
            case.NODE, "sglang", case.model(self.model, "B"), ["http://of.no.meaning"], "--uds", path
        ) as pusher:
            self.assertEqual(pusher.wait(), 0, pusher)
        self.assert_serves(running, self.model, "B")

    @case.in_full_only
    def test_tied_embeddings(self):
        running = self.engine(self.kind, "qwen3_tied")
        for version in "BA":
            self.assert_update(running, "qwen3_tied", version)

    @case.in_full_only
    def test_large_model(self):
        running = self.engine(self.kind, "llama_large")
        for version in "BA":
            self.assert_update(running, "llama_large", version)


class VllmUpdates(UpdateTests, case.EngineTest):
    """It listens on a Unix socket; a server on TCP is in cold_start_test. vLLM asks for the key only under /v1, so there is no
    wrong one for an update."""

    kind = server.VllmOnUnixSocket
    model = "qwen3_moe"

    def node(self, running, name, version, *flags, **options):
        return super().node(running, name, version, *flags, "--uds", running.socket_path, **options)

    def test_tied_embeddings(self):
        running = self.engine(self.kind, "qwen3_tied")
        for version in "BA":
            self.assert_update(running, "qwen3_tied", version, "--bucket-size", "4KiB")


class SglangFusedTensors(case.EngineTest):
    """DeepSeek-V3's q_a_proj and kv_a_proj become one tensor when both are in a list. SGLang cannot generate with it on a CPU;
    it tells a checksum of every tensor that it holds."""

    # The smaller ones part the two: "4KiB", "1MiB", "16MiB"
    bucket_sizes = ["1GiB"]

    def test_every_tensor_is_replaced(self):
        running = self.engine(server.Sglang, "deepseek_v3")
        started_with_a = running.checksums()
        self.push(running, "deepseek_v3", "B", "--bucket-size", "1GiB")
        in_one_list = running.checksums()
        for rank_a, rank_b in zip(started_with_a, in_one_list, strict=True):
            self.assertEqual([name for name in rank_a if rank_a[name] == rank_b[name]], [])
        for size in [*self.bucket_sizes, None]:
            with self.subTest(bucket_size=size or "default"):
                flags = ("--bucket-size", size) if size else ()
                self.push(running, "deepseek_v3", "A", *flags)
                self.assertEqual(running.checksums(), started_with_a)
                self.push(running, "deepseek_v3", "B", *flags)
                self.assertEqual(running.checksums(), in_one_list)


if __name__ == "__main__":
    unittest.main()
