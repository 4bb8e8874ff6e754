# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the pickles that io/engine/pickle_writer writes with real Python and real torch, and checks what comes out.

Usage: pickles_test.py PATH_OF_WRITE_PICKLE [unittest arguments]
"""

import functools
import os
import pickle
import pickletools
import random
import subprocess
import sys
import tempfile
import unittest

import torch
from torch.multiprocessing.reductions import rebuild_cuda_tensor

PROGRAM = ""

# Every dtype that torch 2.5, the oldest torch that the worker runs with, has under the name that is sent.
DTYPES = (
    "uint8 int8 uint16 int16 uint32 int32 uint64 int64 bool float16 bfloat16 float32 float64 complex64 "
    "float8_e4m3fn float8_e5m2"
).split()


def write(*arguments, stdin=b""):
    """The pickle that the program writes, once it has passed the checks of Python's own disassembler."""
    data = subprocess.run([PROGRAM, *arguments], input=stdin, stdout=subprocess.PIPE, check=True).stdout
    with open(os.devnull, "w") as nowhere:
        pickletools.dis(data, out=nowhere)  # raises when the stack does not end empty
    return data


def read(*arguments, stdin=b""):
    return pickle.loads(write(*arguments, stdin=stdin))


def read_list(tensors):
    """`tensors` as (name, dtype, offset, shape) through write_pickle and back."""
    lines = (
        f"{name.encode().hex()} {dtype} {offset} {' '.join(map(str, shape))}\n" for name, dtype, offset, shape in tensors
    )
    return read("list", stdin="".join(lines).encode())


class PicklesTest(unittest.TestCase):
    def check_list(self, tensors):
        result = read_list(tensors)
        self.assertIs(type(result), list)
        self.assertEqual(len(result), len(tensors))
        for item, (name, dtype, offset, shape) in zip(result, tensors):
            self.assertEqual(list(item), ["name", "dtype", "shape", "offset"])
            self.assertEqual(item["name"], name)
            self.assertIs(item["dtype"], getattr(torch, dtype))
            self.assertIs(type(item["shape"]), torch.Size)
            self.assertEqual(tuple(item["shape"]), tuple(shape))
            self.assertIs(type(item["offset"]), int)
            self.assertEqual(item["offset"], offset)

    def test_values_of_every_width(self):
        edges = {0, 1, 2**63 - 1, -(2**63)}
        for bits in (7, 8, 15, 16, 31, 32, 62):
            edges |= {sign * (2**bits + step) for sign in (1, -1) for step in (-1, 0, 1)}
        texts = ["x" * size for size in (0, 1, 255, 256, 65536)] + ["ä" * 127, "ä" * 128, "\0", "🙂"]
        values = sorted(edges) + texts + [text.encode() for text in texts] + [True, False, None]
        lines = []
        for value in values:
            if value is True or value is False or value is None:
                lines.append(str(value).lower())
            elif isinstance(value, int):
                lines.append(f"int {value}")
            elif isinstance(value, str):
                lines.append(f"text {value.encode().hex()}")
            else:
                lines.append(f"bytes {value.hex()}")
        result = read("values", stdin="\n".join(lines).encode())
        self.assertEqual(result, values)
        self.assertEqual([type(each) for each in result], [type(each) for each in values])

    def test_list_with_every_dtype(self):
        self.check_list([(f"t.{dtype}", dtype, 256 * i, (2, 3)) for i, dtype in enumerate(DTYPES)])

    def test_list_with_odd_names_and_shapes(self):
        names = ["a b", "x" * 255, "x" * 256, "x" * 70_000, "模型.层.0", "ä" * 200, "🙂", "\0", "'\"\\\n"]
        shapes = [(), (0,), (3, 0, 5), (1,), (256,), (65_536,), (2**31,), (2**40, 1), (1,) * 20]
        self.check_list([(name, "bfloat16", i, (1, 2)) for i, name in enumerate(names)])
        self.check_list([(f"shape {i}", "uint8", i, shape) for i, shape in enumerate(shapes)])

    def test_offsets_beyond_four_gigabytes(self):
        offsets = [0, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 256, 2**45]
        self.check_list([(f"t{i}", "float32", offset, (1,)) for i, offset in enumerate(offsets)])

    def test_empty_and_huge_lists(self):
        self.check_list([])
        tensors = [(f"model.layers.{i}.weight", "bfloat16", 256 * i, (7168, 2048)) for i in range(20_000)]
        self.check_list(tensors)

    def test_random_lists(self):
        seed = random.randrange(2**32)
        print(f"seed {seed}", flush=True)
        dice = random.Random(seed)
        for _ in range(20):
            tensors = []
            for _ in range(dice.randrange(100)):
                name = "".join(chr(dice.choice((65, 0xE4, 0x6A21, 0x1F642))) for _ in range(dice.randrange(1, 300)))
                shape = [dice.randrange(2 ** dice.randrange(1, 40)) for _ in range(dice.randrange(5))]
                tensors.append((name, dice.choice(DTYPES), dice.randrange(2 ** dice.randrange(1, 60)), shape))
            self.check_list(tensors)

    def test_abort_is_an_exception_that_the_worker_raises(self):
        for text in ("cancelled by the user", "", "x" * 100_000, "Zeile 1\nZeile 2: ärger 🙂"):
            result = read("abort", stdin=text.encode())
            self.assertIs(type(result), RuntimeError)
            self.assertEqual(result.args, (text,))

    def test_end_mark_is_none(self):
        self.assertIsNone(read("none"))

    def test_file_handle_maps_the_file(self):
        size = 8192
        with tempfile.NamedTemporaryFile(prefix="ckpt-pickle-ä-") as file:
            file.write(bytes(range(256)) * (size // 256))
            file.flush()
            handle = read("file", file.name, str(size))
            self.assertIs(type(handle), tuple)
            function, arguments = handle
            self.assertIs(type(function), functools.partial)
            self.assertGreaterEqual(len(arguments), 7)
            arguments = list(arguments)
            arguments[6] = 3  # the worker puts its device's number there
            tensor = function(*arguments)
            self.assertIs(tensor.dtype, torch.uint8)
            self.assertEqual(tuple(tensor.shape), (size,))
            self.assertEqual(bytes(tensor.numpy()), bytes(range(256)) * (size // 256))
            file.seek(5)
            file.write(b"\xee")
            file.flush()
            self.assertEqual(int(tensor[5]), 0xEE, "the tensor has to be a mapping, not a copy")

    def test_cuda_handle_has_the_arguments_of_rebuild_cuda_tensor(self):
        ipc_handle = b"\x01c" + bytes(range(64))
        function, arguments = read("cuda", str(5 << 32), "/torch_1_2_3", "0", stdin=ipc_handle)
        self.assertIs(function, rebuild_cuda_tensor)
        expected = (
            torch.Tensor, torch.Size((5 << 32,)), (1,), 0, torch.storage.TypedStorage, torch.uint8, 0, ipc_handle,
            5 << 32, 0, False, b"/torch_1_2_3", 0, b"", False,
        )  # fmt: skip
        self.assertEqual(arguments, expected)
        self.assertEqual([type(each) for each in arguments], [type(each) for each in expected])
        # As many as the function takes without a default.
        required = rebuild_cuda_tensor.__code__.co_argcount - len(rebuild_cuda_tensor.__defaults__ or ())
        self.assertEqual(len(arguments), required)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
