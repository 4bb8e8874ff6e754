# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The Python client against a real resident node that updates ckpt-sink. CKPT_PROGRAMS: folder of the programs."""

import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "apps" / "python"))
from ckpt_actor import Client, NodeError, UpdateFailed  # noqa: E402

PROGRAMS = pathlib.Path(os.environ["CKPT_PROGRAMS"])
MAKE_CERTIFICATES = pathlib.Path(__file__).resolve().parents[3] / "apps" / "make-certificates.sh"
PATIENCE = 60


def write_checkpoint(directory: pathlib.Path) -> pathlib.Path:
    header = json.dumps({"weight": {"dtype": "U8", "shape": [100_000], "data_offsets": [0, 100_000]}}).encode()
    directory.mkdir()
    data = struct.pack("<Q", len(header)) + header + bytes(range(250)) * 400
    (directory / "model.safetensors").write_bytes(data)
    return directory


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.scratch)
        self.checkpoint = write_checkpoint(self.scratch / "checkpoint")
        port_file = self.scratch / "port"
        self.start("ckpt-sink", "--workers", "1", "--verify", self.checkpoint, "--port-file", port_file)
        self.wait_until(lambda: port_file.exists() and port_file.read_text().strip())
        self.key = self.scratch / "key"
        self.key.write_text("a key\n")
        self.socket = self.scratch / "node.sock"
        self.log = self.start("ckpt-actor-node", "serve", "--device", "host", "--inference-parallel-size", "1", "--endpoint",
                              "http://127.0.0.1:" + port_file.read_text().strip(), "--listen", f"unix:{self.socket}",
                              "--listen", "127.0.0.1:0", "--listen-key-file", self.key, "--resident-memory", "10MiB")
        self.wait_until(lambda: "listening at" in self.log.read_text())
        self.client = Client(f"unix:{self.socket}")

    def start(self, program, *flags, name=None):
        log = self.scratch / f"{name or program}.log"
        with log.open("wb") as output:
            process = subprocess.Popen([PROGRAMS / program, *map(str, flags)], stdout=output, stderr=output)
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.terminate)
        return log

    def wait_until(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it never comes")
            time.sleep(0.05)

    def test_publishes_and_rolls_back(self):
        done = self.client.publish(self.checkpoint, "v1").wait()
        self.assertEqual(done["state"], "updated")
        self.assertEqual(done["report"]["outcome"], "updated")
        self.client.publish(self.checkpoint, "v2").wait(timeout=PATIENCE)
        self.assertEqual(self.client.rollback().wait()["version"], "v1")
        self.assertEqual({one["version"]: one["served"] for one in self.client.versions()}, {"v1": True, "v2": False})
        self.client.drop("v2")
        self.assertEqual([one["version"] for one in self.client.versions()], ["v1"])
        self.assertEqual([one["state"] for one in self.client.updates()], ["updated"] * 3)

    def test_prepares_commits_and_cancels(self):
        prepared = self.client.publish(self.checkpoint, "v1", prepare_only=True)
        self.assertTrue(prepared.wait()["waits_for_commit"])
        self.assertEqual(prepared.commit().wait()["state"], "updated")
        self.assertIn("bucket 0", [event["name"] for event in prepared.trace()["traceEvents"]])
        cancelled = self.client.publish(self.checkpoint, "v2", prepare_only=True)
        cancelled.wait()
        cancelled.cancel()
        with self.assertRaises(UpdateFailed) as raised:
            cancelled.wait()
        self.assertEqual(raised.exception.update["state"], "cancelled")

    def test_says_what_is_wrong(self):
        with self.assertRaisesRegex(UpdateFailed, "nowhere"):
            self.client.publish(self.scratch / "nowhere", "v1").wait()
        with self.assertRaises(NodeError) as raised:
            self.client.publish(self.checkpoint, "")
        self.assertEqual(raised.exception.status, 400)
        with self.assertRaises(NodeError) as raised:
            self.client.publish(self.checkpoint, "v1", pause="no such mode")
        self.assertEqual(raised.exception.status, 400)
        with self.assertRaises(NodeError) as raised:
            Client(f"unix:{self.scratch}/nobody").versions()
        self.assertEqual(raised.exception.status, 0)

    def test_over_tcp_a_key_is_needed(self):
        address = self.log.read_text().split("http://")[-1].split()[0]
        self.assertEqual(Client(address, "a key").versions(), [])
        for key in (None, "another key", "a ke", ""):
            with self.assertRaises(NodeError) as raised:
                Client(address, key).versions()
            self.assertEqual(raised.exception.status, 401)

    def test_over_tls_the_node_has_to_prove_who_it_is(self):
        for authority in ("ours", "theirs"):
            subprocess.run([MAKE_CERTIFICATES, self.scratch / authority, "127.0.0.1"], check=True, stdout=subprocess.DEVNULL)
        ours = self.scratch / "ours"
        log = self.start("ckpt-actor-node", "serve", "--device", "host", "--inference-parallel-size", "1", "--endpoint",
                         "http://127.0.0.1:9", "--listen", "https://127.0.0.1:0", "--listen-key-file", self.key, "--tls-ca",
                         ours / "ca.pem", "--tls-cert", ours / "127.0.0.1.pem", "--tls-key", ours / "127.0.0.1.key", name="tls")
        self.wait_until(lambda: "listening at" in log.read_text())
        address = log.read_text().split("https://")[-1].split()[0]
        for node in (address, f"https://{address}"):
            self.assertEqual(Client(node, "a key", ours / "ca.pem").versions(), [])
        for node, ca in ((address, self.scratch / "theirs" / "ca.pem"), (f"https://{address}", None),
                         (address.replace("127.0.0.1", "localhost"), ours / "ca.pem")):
            with self.assertRaisesRegex(NodeError, "certificate verify failed"):
                Client(node, "a key", ca).versions()
        with self.assertRaisesRegex(NodeError, "https"):
            Client(f"http://{address}", "a key").versions()
        with self.assertRaises(OSError):
            Client(f"https://{address}", "a key", self.key)


if __name__ == "__main__":
    unittest.main()
