# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""An engine that takes its weights from the memory of a node that has updated another one: afterwards it answers as Hugging
Face transformers does with the same weights."""

import contextlib
import pathlib
import subprocess
import tempfile
import time
import unittest

import case
import node
import server

SECONDS_MAX = 60


@contextlib.contextmanager
def source(checkpoint):
    """A node that has updated a ckpt-sink and keeps the weights. Gives the file that says how to reach it."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="source-"))
    port, metas = directory / "port", directory / "metas.json"
    sink = subprocess.Popen([case.NODE.parent / "ckpt-sink", "--port-file", port], stdout=subprocess.DEVNULL,
                            stdin=subprocess.DEVNULL)
    try:
        wait_for(port)
        flags = ("--save-metas-file", metas, "--sleep-time", 3600, "--weight-version", "from memory")
        with node.Node(case.NODE, "sglang", checkpoint, [f"http://127.0.0.1:{port.read_text().strip()}"], *flags) as keeper:
            wait_for(metas, keeper)
            yield metas
    finally:
        sink.kill()
        sink.wait()


def wait_for(path, what=""):
    until = time.monotonic() + SECONDS_MAX
    while not path.exists() or not path.read_text().strip():
        if time.monotonic() > until:
            raise AssertionError(f"{path} has not come\n{what}")
        time.sleep(0.05)


class SglangJoins(case.EngineTest):
    def test_weights_come_from_memory_again_and_again(self):
        running = self.engine(server.Sglang, "llama")
        with source(case.model("llama", "B")) as metas:
            for version in "BAB":
                if version == "A":
                    self.push(running, "llama", "A")
                else:
                    with self.node(running, None, None, "--load-metas-file", metas) as joining:
                        self.assertEqual(joining.wait(), 0, f"{joining}\n{running.log_tail()}")
                        self.assertEqual(joining.report["stages"]["disk"]["engine"], "peers")
                    self.assertEqual(running.weight_version(), "from memory")
                self.assert_serves(running, "llama", version)


if __name__ == "__main__":
    unittest.main()
