# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""One node for each device, as torchrun starts them."""

import unittest

import case
import node
import server

TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--no-python")


class Torchrun(case.EngineTest):
    @case.in_full_only
    def test_two_engines(self):
        first = self.engine(server.Sglang, "llama")
        second = self.start(server.Sglang, "llama")
        self.addCleanup(second.close)
        second.wait_until_it_answers()
        self.check([first, second], parallel_size=1)

    @case.in_full_only
    def test_one_engine_of_two_workers(self):
        running = self.start(server.Vllm, "llama", more=("--tensor-parallel-size", "2"))
        self.addCleanup(running.close)
        running.wait_until_it_answers()
        self.check([running], parallel_size=2)

    def check(self, running, parallel_size):
        launcher = (case.PYTHON, *TORCHRUN, "--master-port", server.free_port())
        flags = ("--inference-parallel-size", parallel_size)
        endpoints = [engine.endpoint for engine in running]
        for version in "BA":
            checkpoint = case.model("llama", version)
            with node.Node(case.NODE, running[0].kind, checkpoint, endpoints, *flags, launcher=launcher) as pusher:
                self.assertEqual(pusher.wait(), 0, pusher)
            for engine in running:
                self.assert_serves(engine, "llama", version)


if __name__ == "__main__":
    unittest.main()
