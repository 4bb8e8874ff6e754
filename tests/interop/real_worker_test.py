# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""ckpt-actor-node against the real worker: a checkpoint written by the real safetensors library has to arrive, bit for
bit, in every worker of an engine that runs the published checkpoint_engine.worker (see engine_host.py).

Usage: real_worker_test.py PATH_OF_CKPT_ACTOR_NODE [unittest arguments]
"""

import contextlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

import torch
from host_process import HostProcess
from safetensors.torch import save_file

NODE = ""
HERE = pathlib.Path(__file__).parent

# The dtypes that safetensors and the oldest torch in use have in common.
DTYPES = [
    getattr(torch, name)
    for name in (
        "bool uint8 int8 uint16 int16 uint32 int32 uint64 int64 float16 bfloat16 float32 float64 complex64 "
        "float8_e4m3fn float8_e5m2"
    ).split()
]


def random_tensor(dice, dtype, elements_max):
    """Random bytes as a tensor: every bit pattern counts, NaNs too."""
    shape = [dice.randrange(1, 2 + int(elements_max ** (1 / 3))) for _ in range(dice.randrange(1, 4))]
    dice_roll = dice.random()
    if dice_roll < 0.05:
        shape = []
    elif dice_roll < 0.1:
        shape[dice.randrange(len(shape))] = 0
    count = 1
    for dimension in shape:
        count *= dimension
    raw = torch.frombuffer(bytearray(dice.randbytes(count * dtype.itemsize) or b"\0"), dtype=torch.uint8)
    if count == 0:
        return torch.empty(shape, dtype=dtype)
    if dtype == torch.bool:
        raw = raw % 2
    return raw.view(dtype).reshape(shape)


def write_checkpoint(directory, dice, shards, tensors, elements_max):
    """A sharded checkpoint with an index, of `tensors` random tensors; returns their names in order of writing."""
    weight_map = {}
    shard_tensors = [{} for _ in range(shards)]
    for i in range(tensors):
        dtype = DTYPES[i % len(DTYPES)]
        name = f"model.layers.{i}.{dice.choice(('weight', 'bias', 'ärger', 'x' * 300))}"
        shard = i % shards if i < shards else dice.randrange(shards)
        shard_tensors[shard][name] = random_tensor(dice, dtype, elements_max)
        weight_map[name] = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
    for shard, content in enumerate(shard_tensors):
        note = "n" * dice.randrange(64)  # moves the data by an odd number of bytes
        save_file(content, directory / f"model-{shard + 1:05}-of-{shards:05}.safetensors", {"format": "pt", "note": note})
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    # What many public repositories carry besides, and nobody may load.
    save_file({"second.copy": torch.zeros(3)}, directory / "consolidated.safetensors")
    return list(weight_map)


def start_host(checkpoint, workers, *options):
    return HostProcess(
        sys.executable, HERE / "engine_host.py", "--checkpoint", checkpoint, "--workers", workers, *options
    )


class RealWorkerTest(unittest.TestCase):
    def setUp(self):
        seed = random.randrange(2**32)
        print(f"{self.id()}: seed {seed}", flush=True)
        self.dice = random.Random(seed)
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="real-worker-", dir=os.getcwd()))
        self.addCleanup(shutil.rmtree, self.scratch)

    def verdict(self, host, workers):
        """What the workers say about the last update, none of which may have left its shared memory behind."""
        verdict = host.verdict()
        self.assertEqual(len(verdict["devices"]), workers)
        self.assertEqual(len(verdict["workers"]), workers)
        for device in verdict["devices"]:
            self.assertEqual(list(pathlib.Path("/dev/shm").glob(f"*{device.removeprefix('GPU-')}*")), [])
        return verdict["workers"]

    def update(self, checkpoint, host, workers, version="v1"):
        """Runs the node; returns its exit status, its report and what it printed."""
        report = self.scratch / "report.json"
        report.unlink(missing_ok=True)
        command = [NODE, "--checkpoint-path", checkpoint, "--inference-parallel-size", workers, "--device", "host",
                   "--devices", workers, "--endpoint", host.url, "--weight-version", version, "--timeout", 60,
                   "--bucket-size", "4MiB", "--report", report]  # fmt: skip
        result = subprocess.run(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300
        )
        self.assertTrue(report.exists(), result.stdout)
        return result.returncode, json.loads(report.read_text()), result.stdout

    def check_update(self, checkpoint, host, workers, tensors, version="v1"):
        status, report, output = self.update(checkpoint, host, workers, version)
        self.assertEqual(status, 0, output)
        self.assertEqual(report["outcome"], "updated", report)
        self.assertEqual([engine["outcome"] for engine in report["engines"]], ["updated"], report)
        self.assertEqual(report["engines"][0]["version"], version)
        for worker in self.verdict(host, workers):
            self.assertEqual(worker, {"error": None, "tensors": tensors, "wrong": []})

    def every_tensor_arrives(self, workers, directory, **shape):
        names = write_checkpoint(directory, self.dice, **shape)
        with contextlib.closing(start_host(directory, workers)) as host:
            self.check_update(directory, host, workers, len(names))

    def test_every_tensor_arrives_in_one_worker(self):
        self.every_tensor_arrives(1, self.scratch, shards=1, tensors=200, elements_max=200_000)

    def test_every_tensor_arrives_in_two_workers(self):
        # The bucket size is 4 MiB: some of these tensors need a bigger one of their own.
        self.every_tensor_arrives(2, self.scratch, shards=5, tensors=100, elements_max=2_000_000)

    def test_every_tensor_arrives_in_four_workers(self):
        self.every_tensor_arrives(4, self.scratch, shards=3, tensors=100, elements_max=200_000)

    def test_many_tiny_tensors_arrive(self):
        self.every_tensor_arrives(2, self.scratch, shards=7, tensors=5000, elements_max=27)

    def test_a_checkpoint_in_memory_arrives_and_stays(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="real-worker-", dir="/dev/shm"))
        self.addCleanup(shutil.rmtree, directory)
        self.every_tensor_arrives(2, directory, shards=3, tensors=100, elements_max=100_000)
        self.assertEqual(len(list(directory.glob("model-*.safetensors"))), 3)

    def test_one_engine_takes_one_version_after_the_other(self):
        names = write_checkpoint(self.scratch, self.dice, shards=2, tensors=64, elements_max=50_000)
        with contextlib.closing(start_host(self.scratch, 2)) as host:
            for version in ("v1", "v2", "v3"):
                self.check_update(self.scratch, host, 2, len(names), version)

    def test_the_comparison_sees_a_single_wrong_bit(self):
        names = write_checkpoint(self.scratch, self.dice, shards=1, tensors=50, elements_max=1000)
        other = self.scratch / "other"
        other.mkdir()
        for file in self.scratch.glob("model*"):
            content = bytearray(file.read_bytes())
            if file.suffix == ".safetensors":
                content[-1] ^= 1
            (other / file.name).write_bytes(content)
        with contextlib.closing(start_host(other, 1)) as host:
            status, _, output = self.update(self.scratch, host, 1)
            self.assertEqual(status, 0, output)
            worker = self.verdict(host, 1)[0]
        self.assertEqual(worker["tensors"], len(names))
        self.assertEqual(len(worker["wrong"]), 1)
        self.assertIn(": 1 of ", worker["wrong"][0])

    def check_failure(self, host, workers, words):
        status, report, output = self.update(self.scratch, host, workers)
        self.assertEqual(status, 4, output)
        self.assertEqual(report["outcome"], "failed", report)
        self.assertIn(words, report["engines"][0]["cause"], report)
        self.assertIn(words, output)
        # Every worker has ended its part: none waits for ever.
        self.verdict(host, workers)

    def test_a_load_that_fails_in_the_last_bucket_is_a_failure(self):
        names = write_checkpoint(self.scratch, self.dice, shards=2, tensors=100, elements_max=200_000)
        last_file = max(self.scratch.glob("model-*.safetensors"))
        header = json.loads(last_file.read_bytes()[8 : 8 + int.from_bytes(last_file.read_bytes()[:8], "little")])
        header.pop("__metadata__")
        last = max(header, key=lambda name: header[name]["data_offsets"][1])
        self.assertIn(last, names)
        with contextlib.closing(start_host(self.scratch, 2, "--fail-at", last)) as host:
            self.check_failure(host, 2, "load_weights: no room for model.layers.")

    def test_a_post_hook_that_fails_is_a_failure(self):
        write_checkpoint(self.scratch, self.dice, shards=1, tensors=20, elements_max=1000)
        with contextlib.closing(start_host(self.scratch, 2, "--fail-hook")) as host:
            self.check_failure(host, 2, "post hook: cannot quantise")


if __name__ == "__main__":
    NODE = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
