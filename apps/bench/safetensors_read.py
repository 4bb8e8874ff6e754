# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Reads every tensor of the files named on the command line into one buffer and prints bytes and seconds.

The yardstick of ckpt-bench: what a loader written with the safetensors library and torch does. Imports and the
allocation of the buffer do not count.
"""

import json
import os
import sys
import time

import torch
from safetensors import safe_open


def main() -> None:
    files = sys.argv[1:]
    # Filled, so that no page of it has to be found while the clock runs.
    buffer = torch.full((sum(os.path.getsize(file) for file in files),), 1, dtype=torch.uint8)
    done = 0
    start = time.perf_counter()
    for file in files:
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():
                tensor = tensors.get_tensor(name).contiguous().view(-1)
                if tensor.numel() == 0:
                    continue
                data = tensor.view(torch.uint8)
                buffer[done : done + data.numel()].copy_(data)
                done += data.numel()
    seconds = time.perf_counter() - start
    print(json.dumps({"bytes": done, "seconds": seconds}))


if __name__ == "__main__":
    main()
