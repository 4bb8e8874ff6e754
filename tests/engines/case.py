# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: where things are, servers that outlive one test, and what a right update is.

Set by run.sh: ENGINES_PYTHON, ENGINES_MODELS, ENGINES_NODE, ENGINES_LOGS; ENGINES_ALL is 1 for the long tier.
"""

import atexit
import json
import os
import pathlib
import signal
import sys
import threading
import unittest

import node
import server

PYTHON = pathlib.Path(os.environ["ENGINES_PYTHON"])
MODELS = pathlib.Path(os.environ["ENGINES_MODELS"])
NODE = pathlib.Path(os.environ["ENGINES_NODE"])
LOGS = pathlib.Path(os.environ["ENGINES_LOGS"])
ALL = os.environ.get("ENGINES_ALL") == "1"

# Servers end with the tests, also when these are told to end.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

in_full_only = unittest.skipUnless(ALL, "only with --all")


def model(name, version):
    return MODELS / f"{name}-{version}"


def reference(name, version):
    return json.loads((model(name, version) / "reference.json").read_text())


class EngineTest(unittest.TestCase):
    """A test against servers. One of each kind is kept running from test to test, as long as the same model is asked for."""

    kept = {}

    @classmethod
    def start(cls, kind, name, **options):
        """A new server of NAME-A, which the caller ends or has kept."""
        return kind(PYTHON, model(name, "A"), LOGS, **options)

    def engine(self, kind, name):
        """The running server of this kind and model, or a new one; a test may leave any weights in it."""
        running, its_name = self.kept.get(kind, (None, None))
        if running is None or its_name != name or running.process.poll() is not None:
            # In the place of one that was killed, a new one at the same address.
            port = running.port if running and its_name == name else None
            self.release(kind)
            running = self.start(kind, name, port=port)
            self.kept[kind] = running, name
            running.wait_until_it_answers()
        return running

    @classmethod
    def keep(cls, running, name):
        """Lets later tests have this server."""
        cls.release(type(running))
        cls.kept[type(running)] = running, name

    @classmethod
    def release(cls, kind):
        running, _ = cls.kept.pop(kind, (None, None))
        if running is not None:
            running.close()

    @classmethod
    def release_all(cls):
        for kind in list(cls.kept):
            cls.release(kind)

    # ---- updates

    def node(self, running, name, version, *flags, **options):
        """A node that updates this engine, started. Without a name the flags say where the weights come from."""
        flags = (*running.node_flags, *flags)
        checkpoint = None if name is None else model(name, version)
        return node.Node(NODE, running.kind, checkpoint, [running.endpoint], *flags, **options)

    def push(self, running, name, version, *flags, **options):
        """An update that has to succeed. Returns its report."""
        with self.node(running, name, version, *flags, **options) as pusher:
            self.assertEqual(pusher.wait(), 0, f"{pusher}\n{running.log_tail()}")
            return pusher.report

    def assert_serves(self, running, name, version):
        """The engine answers as transformers do with these weights."""
        expected = reference(name, version)
        for prompt, right in zip(expected["prompts"], expected["answers"], strict=True):
            answer = running.generate(prompt, len(right))
            equal = next((i for i, pair in enumerate(zip(answer, right)) if pair[0] != pair[1]), len(right))
            where = f"to a prompt of {len(prompt)} tokens the answer of {name}-{version} ends at its token {equal}"
            self.assertEqual(answer, right, f"{where}\n{running.log_tail()}")

    def assert_update(self, running, name, version, *flags, **options):
        report = self.push(running, name, version, *flags, **options)
        self.assert_serves(running, name, version)
        return report


atexit.register(node.remove_marks)
atexit.register(EngineTest.release_all)


class Clients:
    """Clients that ask without a pause until they are told to stop. A context; afterwards `failures` says what went wrong,
    an answer that did not come among it, and `answered` how often it went well."""

    def __init__(self, running, count=8, tokens=32, seconds_max=120):
        self.running, self.tokens, self.seconds_max = running, tokens, seconds_max
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.failures, self.answered = [], 0
        self.threads = [threading.Thread(target=self.ask, args=([5 + i, 6, 7, 8],), daemon=True) for i in range(count)]

    def ask(self, prompt):
        while not self.stopped.is_set():
            try:
                answer = self.running.generate(prompt, self.tokens, self.seconds_max)
                problem = None if len(answer) == self.tokens else f"{len(answer)} tokens"
            except (OSError, server.Refused) as error:
                problem = repr(error)
            with self.lock:
                if problem:
                    self.failures.append(problem)
                else:
                    self.answered += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join(self.seconds_max + 10)
        self.failures += ["a client hangs" for thread in self.threads if thread.is_alive()]
