# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The engines' own loaders, behind the real worker of checkpoint-engine: whatever the size of the buckets, parameters are
given what one call with everything by name gives them, bit for bit.

Beside each update the same loader is given the same tensors cut without regard to groups (loader_host.py): where an
engine needs tensors together, that has to come out wrong, or the comparison could not fail.
"""

import collections
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import case
import node

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))
import host_process

# The tensors of a list that a loader makes one parameter of, and how many of these there are in twelve layers.
FUSED_QKV_A = {
    "self_attn.fused_qkv_a_proj_with_mqa.weight": 12,
    "self_attn.fused_qkv_a_proj_with_mqa.weight_scale_inv": 12,
}
INDEXER = {"self_attn.indexer.wk_weights_proj.weight": 12}

# Of the twelve layers and outside of layers; one more predicts further tokens and is left out.
TENSORS = {"deepseek_v3": 369, "deepseek_v32": 453, "kimi_k2": 397, "deepseek_v4": 573}


def setUpModule():
    seed = random.randrange(2**32)
    print(f"loaders_test: seed {seed}", flush=True)
    LoaderTest.folder = pathlib.Path(tempfile.mkdtemp(prefix="loaders-"))
    unittest.addModuleCleanup(shutil.rmtree, LoaderTest.folder)
    LoaderTest.checkpoints = LoaderTest.folder / "checkpoints"
    subprocess.run([case.PYTHON, HERE / "loader_checkpoints.py", LoaderTest.checkpoints, str(seed)], check=True)


class LoaderTest(unittest.TestCase):
    """Tests of one engine; subclasses say of which, and what it needs in one list."""

    folder = None  # for the checkpoints, and for what engines write when they are imported
    checkpoints = None
    engine = None
    environment = {}
    # None is the default, 16 MiB for checkpoints of this size: what makes two lists of them. The last makes one, in which
    # the order still matters.
    bucket_sizes = ["4KiB", "1MiB", None, "1GiB"]

    @classmethod
    def setUpClass(cls):
        environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
        environment |= {"HOME": str(cls.folder), "TMPDIR": str(cls.folder)}
        with open(case.LOGS / f"loader-{cls.engine}.log", "wb") as log:
            cls.host = host_process.HostProcess(
                case.PYTHON,
                HERE / "loader_host.py",
                cls.engine,
                cls.checkpoints,
                stderr=log,
                env=environment | cls.environment,
            )
        cls.addClassCleanup(cls.host.close)

    def update(self, model, bucket_size):
        """The worker's verdict on an update of this model."""
        flags = ["--weight-version", f"{model}/{bucket_size}"]
        if bucket_size:
            flags += ["--bucket-size", bucket_size]
        # The first update waits for the engine to be imported.
        with node.Node(case.NODE, "sglang", self.checkpoints / model, [self.host.url], *flags, timeout=300) as pusher:
            self.assertEqual(pusher.wait(), 0, str(pusher))
        (worker,) = self.host.verdict()["workers"]
        return worker

    def check(self, model, fewer, needed_together, in_order=False):
        """`fewer`: by how much parameters are given less often than there are tensors. `needed_together`: those that come
        out wrong when each tensor is a list of its own; `in_order`: also in one list that is ordered by offset."""
        for bucket_size in self.bucket_sizes:
            with self.subTest(bucket_size=bucket_size or "default"):
                worker = self.update(model, bucket_size)
                self.assertIsNone(worker["error"])
                self.assertEqual(worker["incomplete"], [])
                self.assertEqual(worker["parts"], TENSORS[model] - fewer)
                self.assertEqual(worker["wrong"], [])
                controls = worker["controls"]
                wrong = [re.sub(r"^(model\.)?layers\.\d+\.", "", name) for name in controls["one tensor a list"]]
                self.assertEqual(collections.Counter(wrong), needed_together)
                if in_order:
                    self.assertNotEqual(controls["one list by offset"], [])


class SglangLoaders(LoaderTest):
    engine = "sglang"
    # The stand-in for its kernels, see stand_ins.
    environment = {"PYTHONPATH": str(HERE / "stand_ins" / "sglang"), "SGLANG_USE_CPU_ENGINE": "1"}

    def test_deepseek_v3(self):
        self.check("deepseek_v3", 24, FUSED_QKV_A)

    def test_deepseek_v32(self):
        self.check("deepseek_v32", 48, FUSED_QKV_A | INDEXER)

    def test_kimi_k2(self):
        self.check("kimi_k2", 24, FUSED_QKV_A)

    def test_deepseek_v4(self):
        fused = {
            "self_attn.wo_a.weight": 12,
            "self_attn.wqkv_a.weight": 12,
            "self_attn.wqkv_a.weight_scale_inv": 12,
            "self_attn.compressor.wkv_gate.weight": 10,
            "self_attn.indexer.compressor.wkv_gate.weight": 5,
        }
        self.check("deepseek_v4", 51, fused)


class VllmLoaders(LoaderTest):
    engine = "vllm"

    def test_deepseek_v3(self):
        self.check("deepseek_v3", 0, {})

    def test_deepseek_v32(self):
        self.check("deepseek_v32", 12, INDEXER)

    def test_kimi_k2(self):
        self.check("kimi_k2", 0, {})

    def test_deepseek_v4(self):
        self.check("deepseek_v4", 0, {})


class LmdeployLoaders(LoaderTest):
    engine = "lmdeploy"

    def test_deepseek_v3(self):
        self.check("deepseek_v3", 0, {})

    def test_deepseek_v32(self):
        self.check("deepseek_v32", 24, INDEXER)

    def test_kimi_k2(self):
        # A scale that comes before its weight is lost.
        self.check("kimi_k2", 0, {"self_attn.kc.weight": 12, "self_attn.vc.weight": 12}, in_order=True)

    def test_deepseek_v4(self):
        self.check("deepseek_v4", 12, {"attn.wo_a.weight": 12})


if __name__ == "__main__":
    unittest.main()
