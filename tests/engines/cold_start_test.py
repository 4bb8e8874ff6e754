# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""A server that has no weights of its own and waits for the node's, and a node that waits for the server."""

import time
import unittest

import case
import node
import server

WAITING = ("--checkpoint-engine-wait-weights-before-ready",)
# Longer than any test: a server that has waited for this long goes on with random weights.
PATIENT = {"SGLANG_WAIT_WEIGHTS_READY_TIMEOUT": "3600"}
# How long the one is there before the other.
AHEAD_SECONDS = 60 if case.ALL else 3


class SglangColdStart(case.EngineTest):
    def start_waiting(self, port):
        self.release(server.Sglang)
        running = self.start(server.Sglang, "llama", load_format="dummy", more=WAITING, environment=PATIENT, port=port)
        self.keep(running, "llama")
        return running

    def assert_gets_its_weights(self, running, pusher):
        self.assertEqual(pusher.wait(), 0, f"{pusher}\n{running.log_tail()}")
        running.wait_until_it_answers()
        self.assertEqual(running.weight_version(), "first")
        self.assert_serves(running, "llama", "B")

    def pusher(self, port):
        flags = ("--weight-version", "first")
        return node.Node(case.NODE, "sglang", case.model("llama", "B"), [f"http://127.0.0.1:{port}"], *flags, timeout=400)

    def test_node_is_there_before_the_server(self):
        port = server.free_port()
        with self.pusher(port) as pusher:
            time.sleep(AHEAD_SECONDS)
            running = self.start_waiting(port)
            self.assert_gets_its_weights(running, pusher)

    def test_server_is_there_before_the_node(self):
        port = server.free_port()
        running = self.start_waiting(port).wait_until_it_answers("/model_info")
        time.sleep(AHEAD_SECONDS)
        self.assertFalse(running.answers("/ping"), "the server did not wait for its weights")
        with self.pusher(port) as pusher:
            self.assert_gets_its_weights(running, pusher)


class VllmColdStart(case.EngineTest):
    def check(self, kind):
        self.release(kind)
        running = self.start(kind, "qwen3_moe_tied", load_format="dummy")
        self.keep(running, "qwen3_moe_tied")
        # The node is there before the server; this one does not wait, it is up with random weights.
        self.assert_update(running, "qwen3_moe_tied", "B", timeout=400)

    def test_random_weights_are_replaced(self):
        self.check(server.VllmOnUnixSocket)

    @case.in_full_only
    def test_random_weights_are_replaced_over_tcp(self):
        self.check(server.Vllm)
        self.release(server.Vllm)


if __name__ == "__main__":
    unittest.main()
