# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes and engines that end in the middle of an update: what is left goes on without a restart, or says what happened."""

import concurrent.futures
import contextlib
import math
import time
import unittest

import case
import server

# Many small lists: an update that takes long enough to be hit in the middle.
SLOW = ("--bucket-size", "4KiB")
# A generation that an update has to wait for.
GENERATION_SECONDS = 30 if case.ALL else 12
GENERATION_TOKENS = 450
BATCH = 4


def moments(count):
    """Parts of an update's duration, evenly spread."""
    return [(i + 0.5) / count for i in range(count)]


class FailureTests:
    """For every engine."""

    def update_seconds(self, running):
        """How long an undisturbed update takes, from the node's start to its end."""
        self.push(running, self.model, "A", *SLOW)
        start = time.monotonic()
        self.push(running, self.model, "B", *SLOW)
        return time.monotonic() - start

    @contextlib.contextmanager
    def node_at(self, seconds, running, version, **options):
        """A node that has been running for this long, and still does: when it has not, once more and sooner."""
        for _ in range(30):
            with self.node(running, self.model, version, *SLOW, **options) as pusher:
                time.sleep(seconds)  # the moment: nothing is waited for
                if pusher.process.poll() is None:
                    yield pusher
                    return
            seconds *= 0.8
        self.fail(f"an update is over within {seconds} s")

    def test_killed_node_is_healed_by_the_next(self):
        running = self.engine(self.kind, self.model)
        seconds = self.update_seconds(running)
        for i, part in enumerate(moments(20 if case.ALL else 3)):
            version = "AB"[i % 2]
            with self.subTest(moment=f"{part:.0%} of {seconds:.2f} s"):
                with self.node_at(part * seconds, running, version) as killed:
                    killed.kill()
                with self.node(running, self.model, version, timeout=60) as healer:
                    self.assertEqual(healer.wait(), 0, f"{healer}\n{running.log_tail()}")
                    self.assertEqual(healer.shared_files(), [])
                self.assert_serves(running, self.model, version)

    def test_killed_engine_is_named(self):
        running = self.engine(self.kind, self.model)
        seconds = self.update_seconds(running)
        for part in moments(20) if case.ALL else [0.5]:
            with self.subTest(moment=f"{part:.0%} of {seconds:.2f} s"):
                running = self.engine(self.kind, self.model)
                with self.node_at(part * seconds, running, "B", timeout=20) as pusher:
                    running.kill()
                    status = pusher.wait(120)
                    engine = pusher.report["engines"][0]
                    if status == 0:  # it had the engine's answer already
                        self.assertEqual(engine["outcome"], "updated", pusher)
                    else:
                        self.assertIn(status, (4, 6), pusher)
                        self.assertIn(running.endpoint, pusher.output, pusher)
                        self.assertNotEqual(engine["outcome"], "updated", pusher)
                # A new one in its place.
                self.assert_update(self.engine(self.kind, self.model), self.model, "B")


class SglangFailures(FailureTests, case.EngineTest):
    kind = server.Sglang
    model = "llama"

    def test_update_that_waits_for_a_long_generation_is_given_up_without_harm(self):
        # SGLang puts an update off until every request that it has accepted is answered, unless it is paused.
        running = self.engine(self.kind, self.model)
        start = time.monotonic()
        running.generate([5, 6, 7, 8], 50)
        rate = 50 / (time.monotonic() - start)
        # As many answers at a time as it has room for, and one after another for long enough.
        count = BATCH * math.ceil(GENERATION_SECONDS * rate / GENERATION_TOKENS)
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            answers = [pool.submit(running.generate, [5, 6, 7, 8], GENERATION_TOKENS, 300) for _ in range(count)]
            with self.node(running, self.model, "B", "--pause", "none", timeout=5) as pusher:
                status = pusher.wait()
                self.assertIn(status, (4, 6), pusher)
                self.assertIn(running.endpoint, pusher.output, pusher)
            self.assert_update(running, self.model, "A", timeout=60)
            self.assertEqual([len(answer.result()) for answer in answers], [GENERATION_TOKENS] * count)
        self.assert_update(running, self.model, "B", timeout=60)


class VllmFailures(FailureTests, case.EngineTest):
    kind = server.VllmOnUnixSocket
    model = "qwen3_moe_tied"

    @case.in_full_only
    def test_killed_engine_is_named(self):
        super().test_killed_engine_is_named()


if __name__ == "__main__":
    unittest.main()
