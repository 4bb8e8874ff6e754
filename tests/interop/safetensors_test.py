# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The checkpoint table against the Python library of the format: what that library writes is read alike here, what it
refuses is refused here, and what the synthetic writer writes is read by it.

Usage: safetensors_test.py PATH_OF_checkpoint_probe    (needs the package safetensors, 0.8 or newer)
"""

import ctypes
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import safetensors

PROBE = None

# Names by which the library takes dtypes, what it calls them in a header, and their bits.
DTYPES = {
    "bool": ("BOOL", 8), "uint8": ("U8", 8), "int8": ("I8", 8), "uint16": ("U16", 16), "int16": ("I16", 16),
    "uint32": ("U32", 32), "int32": ("I32", 32), "uint64": ("U64", 64), "int64": ("I64", 64),
    "float16": ("F16", 16), "bfloat16": ("BF16", 16), "float32": ("F32", 32), "float64": ("F64", 64),
    "complex64": ("C64", 64), "float8_e4m3fn": ("F8_E4M3", 8), "float8_e5m2": ("F8_E5M2", 8),
    "float8_e8m0fnu": ("F8_E8M0", 8), "float8_e4m3fnuz": ("F8_E4M3FNUZ", 8), "float8_e5m2fnuz": ("F8_E5M2FNUZ", 8),
    "float4_e2m1fn_x2": ("F4", 4),
}

# The library takes these, and keys that occur twice; no writer writes them, and here they are refused for good.
STRICTER_HERE = ("holds no tensors", "is not described by", "dtype is not a string")


def probe(paths):
    """What our reader says of each path: a list of tensors, or the text of its error."""
    done = subprocess.run([PROBE, "print"], input="".join(f"{path}\n" for path in paths), capture_output=True,
                          text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(paths), done.stderr
    return [line.get("tensors", line.get("error")) for line in lines]


def has_key_twice(data):
    """Whether the header of this file, which the library could read, has an object with a key that occurs twice."""
    found = False

    def look(pairs):
        nonlocal found
        found |= len(dict(pairs)) < len(pairs)
        return dict(pairs)

    json.loads(data[8:8 + int.from_bytes(data[:8], "little")], object_pairs_hook=look)
    return found


class Tensor:
    """Random bytes with a name, a dtype of the library and the shape that belongs into the header."""

    def __init__(self, rng, name, dtype):
        self.name = name
        self.dtype, bits = DTYPES[dtype]
        self.shape = rng.choice([[], [0], [1], [7], [3, 0, 2], [2, 3, 4], [1, 1, 1, 5], [129, 3]])
        if dtype == "float4_e2m1fn_x2":  # a whole number of pairs in the last dimension, which the library doubles
            self.shape = [3, 2 * rng.randrange(5)]
        count = 1
        for size in self.shape:
            count *= size
        self.data = rng.randbytes(count * bits // 8)
        self.buffer = ctypes.create_string_buffer(self.data, max(len(self.data), 1))
        shape = self.shape if dtype != "float4_e2m1fn_x2" else [3, self.shape[1] // 2]
        self.spec = safetensors.TensorSpec(dtype=dtype, shape=shape, data_ptr=ctypes.addressof(self.buffer),
                                           data_len=len(self.data))


def save(path, tensors, metadata=None):
    safetensors.serialize_file({tensor.name: tensor.spec for tensor in tensors}, str(path), metadata)


def contents(row):
    _, _, _, path, offset, length = row
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(length)


class Interop(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="ckpt-test-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.seed = random.randrange(2**32)
        self.rng = random.Random(self.seed)
        print(f"{self.id()}: seed {self.seed}", file=sys.stderr)

    def assert_same(self, rows, tensors):
        self.assertIsInstance(rows, list, rows)
        expected = {tensor.name: (tensor.dtype, tensor.shape, tensor.data) for tensor in tensors}
        self.assertEqual(expected, {row[0]: (row[1], row[2], contents(row)) for row in rows})
        self.assertEqual(len(expected), len(rows))

    def test_files_of_every_dtype_are_read_alike(self):
        for metadata in (None, {}, {"format": "pt", "quote\"\n": "\u00e4\U0001f600"}):
            tensors = [Tensor(self.rng, f"{dtype}.{i}", dtype) for dtype in DTYPES for i in range(10)]
            path = self.directory / "all.safetensors"
            save(path, tensors, metadata)
            self.assert_same(probe([path])[0], tensors)

    def test_unusual_names_are_read_alike(self):
        names = ["", " ", "a\nb", "\u00e4\u0000", "\U0001f600", '"', "\\", "a/b", "x" * 100_000, "__metadata", "\x7f"]
        tensors = [Tensor(self.rng, name, "bfloat16") for name in names]
        path = self.directory / "names.safetensors"
        save(path, tensors)
        self.assert_same(probe([path])[0], tensors)

    def test_a_sharded_directory_is_read_alike(self):
        tensors = [Tensor(self.rng, f"t{i}", self.rng.choice(list(DTYPES))) for i in range(300)]
        weight_map = {}
        for shard in range(7):
            name = f"model-{shard}.safetensors"
            save(self.directory / name, tensors[shard::7])
            weight_map.update({tensor.name: name for tensor in tensors[shard::7]})
        index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
        (self.directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2, sort_keys=True))
        save(self.directory / "consolidated.safetensors", tensors)
        self.assert_same(probe([self.directory])[0], tensors)

    def test_synthetic_checkpoints_are_read_by_the_library(self):
        subprocess.run([PROBE, "write", str(self.directory)], check=True)
        rows = probe([self.directory])[0]
        read = {}
        for path in self.directory.glob("*.safetensors"):
            for name, info in safetensors.deserialize(path.read_bytes()):
                read[name] = (info["dtype"], list(info["shape"]), bytes(info["data"]))
        self.assertEqual(read, {row[0]: (row[1], row[2], contents(row)) for row in rows})
        self.assertGreater(len(read), 50)
        index = json.loads((self.directory / "model.safetensors.index.json").read_text())
        self.assertEqual(set(index["weight_map"]), set(read))

    def damaged(self, whole):
        """The bytes of a valid file with something changed in or near the header."""
        header_bytes = int.from_bytes(whole[:8], "little")
        data = bytearray(whole)
        for _ in range(self.rng.randint(1, 2)):
            place = self.rng.randrange(8, 8 + header_bytes)
            match self.rng.randrange(7):
                case 0:
                    data[place] = self.rng.randrange(256)
                case 1:
                    data[place] = self.rng.choice(b'0123456789"{}[],:-. ')
                case 2:  # a piece of the header twice
                    end = min(place + self.rng.randint(1, 80), 8 + header_bytes)
                    data[place:place] = data[place:end]
                case 3:
                    del data[place:place + self.rng.randint(1, 3)]
                case 4:
                    del data[-self.rng.randint(1, 20):]
                case 5:
                    data += b"x" * self.rng.randint(1, 20)
                case 6:
                    data[self.rng.randrange(3)] = self.rng.randrange(256)
                    return bytes(data)
            if len(data) < 8 + header_bytes:
                break
        if self.rng.random() < 0.9:  # a length field that fits, so that the header itself is looked at
            data[:8] = (header_bytes + len(data) - len(whole)).to_bytes(8, "little", signed=True)
        return bytes(data)

    def test_what_the_library_refuses_is_refused(self):
        tensors = [Tensor(self.rng, f"t{i}", dtype) for i, dtype in enumerate(DTYPES)]
        whole = self.directory / "whole.safetensors"
        save(whole, tensors, {"format": "pt"})
        paths, accepted = [], []
        for i in range(3000):
            data = self.damaged(whole.read_bytes())
            paths.append(self.directory / f"damaged{i}")
            paths[-1].write_bytes(data)
            try:
                accepted.append({name: (info["dtype"], list(info["shape"]), bytes(info["data"]))
                                 for name, info in safetensors.deserialize(data)})
            except safetensors.SafetensorError:
                accepted.append(None)
        for path, expected, ours in zip(paths, accepted, probe(paths)):
            data = path.read_bytes()
            with self.subTest(header=data[8:8 + int.from_bytes(data[:8], "little")]):
                if expected is None:
                    self.assertIsInstance(ours, str, "accepted here, refused by the library")
                elif isinstance(ours, str):
                    stricter = has_key_twice(data) or any(reason in ours for reason in STRICTER_HERE)
                    self.assertTrue(stricter, ours)
                else:
                    self.assertEqual(expected, {row[0]: (row[1], row[2], contents(row)) for row in ours})
        self.assertGreater(sum(expected is None for expected in accepted), 1000)
        self.assertGreater(sum(expected is not None for expected in accepted), 10)


if __name__ == "__main__":
    PROBE = sys.argv.pop(1)
    unittest.main()
