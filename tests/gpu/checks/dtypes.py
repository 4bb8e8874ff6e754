# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint of random tensors with the real safetensors library: every dtype that it and this torch have.

    python3 -m checks.dtypes INTEROP_FOLDER OUT_FOLDER cuda|host

Prints a line of JSON: {"seed": N, "tensors": N, "dtypes": [name, …], "left_out": {name: why}}."""

import json
import pathlib
import random
import sys
import tempfile

from checks.packages import add_to_path

# Younger than the oldest torch that the tests of interop run with.
YOUNGER = "float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2".split()
SHAPE = {"shards": 4, "tensors": 400, "elements_max": 1_000_000}


def try_out(interop, torch, name, on_gpu):
    """The dtype, if a tensor of it survives the library's own writing and reading, and torch can copy it on the GPU."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    dtype = getattr(torch, name)
    tensor = torch.arange(64, dtype=torch.uint8).view(dtype)
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        save_file({"x": tensor}, file.name)
        with safe_open(file.name, framework="pt") as content:
            wrong = interop.difference(tensor, content.get_tensor("x"))
    if on_gpu and not wrong:
        wrong = interop.difference(tensor.to("cuda"), tensor.to("cuda").clone())
    if wrong:
        raise ValueError(wrong)
    return dtype


def without_scalars_of_half_bytes(random_tensor):
    """Two numbers of four bits share a byte, so that a tensor of one number alone cannot be written."""

    def roll(dice, dtype, elements_max):
        tensor = random_tensor(dice, dtype, elements_max)
        while "float4" in str(dtype) and tensor.dim() == 0:
            tensor = random_tensor(dice, dtype, elements_max)
        return tensor

    return roll


def main():
    interop_folder, out, device = sys.argv[1:]
    add_to_path(interop_folder)
    import engine_host as interop
    import real_worker_test
    import torch

    left_out = {}
    for name in YOUNGER:
        try:
            real_worker_test.DTYPES.append(try_out(interop, torch, name, device == "cuda"))
        except Exception as error:  # whatever this torch or this library says
            left_out[name] = f"{type(error).__name__}: {error}"
    real_worker_test.random_tensor = without_scalars_of_half_bytes(real_worker_test.random_tensor)
    seed = random.randrange(2**32)
    folder = pathlib.Path(out)
    folder.mkdir()
    names = real_worker_test.write_checkpoint(folder, random.Random(seed), **SHAPE)
    dtypes = [str(dtype).removeprefix("torch.") for dtype in real_worker_test.DTYPES]
    print(json.dumps({"seed": seed, "tensors": len(names), "dtypes": dtypes, "left_out": left_out}))


if __name__ == "__main__":
    main()
