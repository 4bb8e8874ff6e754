# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Tensors that an engine makes one of: DeepSeek-V3's q_a_proj and kv_a_proj are fused while they are loaded, which takes both
in one list.
"""

import unittest

import case
import server


class SglangFusedTensors(case.EngineTest):
    """SGLang cannot generate with DeepSeek-V3 on a CPU, but it tells a checksum of every tensor that it holds."""

    # Smaller than the two together, so that they would be in lists of their own, and larger.
    bucket_sizes = ["4KiB", "1MiB", "16MiB"]

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
