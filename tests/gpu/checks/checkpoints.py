# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints on the disk and in memory, and the page cache over their files."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import page_cache
from checks.results import CheckFailed, NotRun
from page_cache import files_of

UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
ROOM_LEFT = 1 << 30
COPY_PREFIX = "ckpt-gpu-checks-"
WRITE_SECONDS = 240
DROP_CACHES = pathlib.Path("/proc/sys/vm/drop_caches")

# All that torch has a name for.
DTYPES = ("BF16 F32 F16 F64 BOOL U8 I8 U16 I16 U32 I32 U64 I64 C64 F8_E4M3 F8_E5M2 F8_E8M0 F4 F8_E4M3FNUZ "
          "F8_E5M2FNUZ").split()


def size_in_bytes(text):
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return int(float(text[: -len(unit)]) * factor)
    return int(text)


def require_room(path, needed_bytes):
    free = shutil.disk_usage(path).free
    if free < needed_bytes + ROOM_LEFT:
        raise NotRun(f"{path} has {free >> 20} MiB free, and {(needed_bytes + ROOM_LEFT) >> 20} MiB are needed")


def synthetic(place, size, *flags, shards=4):
    """A checkpoint of ckpt-bench's in the scratch folder; one that is there from an earlier call is used again."""
    words = [size, str(shards), *map(str, flags)]
    folder = pathlib.Path(place.scratch) / ("checkpoint-" + "-".join(words).replace("--", "").replace("/", "_"))
    if folder.exists():
        return folder
    require_room(place.scratch, size_in_bytes(size))
    draft = folder.with_name(f"{folder.name}.{os.getpid()}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    command = [str(place.program("ckpt-bench")), "write", "--path", str(draft), "--size", size, "--shards", str(shards),
               "--flush", *map(str, flags)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=WRITE_SECONDS, check=False)
        if result.returncode != 0:
            raise CheckFailed(f"ckpt-bench write ended with {result.returncode}: {result.stderr[-500:]}")
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def remove_stale_copies():
    """Those of processes that were killed: they would take up memory for ever."""
    for folder in pathlib.Path("/dev/shm").glob(f"{COPY_PREFIX}*"):
        owner = folder.name.removeprefix(COPY_PREFIX).partition("-")[0]
        if owner.isdigit() and not pathlib.Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def in_memory(checkpoint):
    """A copy in /dev/shm, removed in the end."""
    require_room("/dev/shm", sum(file.stat().st_size for file in pathlib.Path(checkpoint).iterdir()))
    folder = tempfile.mkdtemp(prefix=f"{COPY_PREFIX}{os.getpid()}-", dir="/dev/shm")
    try:
        yield shutil.copytree(checkpoint, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
    finally:
        shutil.rmtree(folder)


def tensor_sizes(checkpoint):
    """The bytes of every tensor, from the headers."""
    sizes = []
    for file in files_of(checkpoint):
        with open(file, "rb") as content:
            header = json.loads(content.read(int.from_bytes(content.read(8), "little")))
        sizes += [value["data_offsets"][1] - value["data_offsets"][0]
                  for name, value in header.items() if name != "__metadata__"]
    return sizes


def drop_from_page_cache(checkpoint):
    page_cache.drop(checkpoint)
    with contextlib.suppress(OSError):  # others' pages too, where this is root's machine
        DROP_CACHES.write_text("3\n", encoding="ascii")


def shared_memory_names():
    """What is in /dev/shm now."""
    return set(os.listdir("/dev/shm"))
