# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The page cache over a checkpoint's files, and the disk below. The kernel takes requests as hints: see what became of
them."""

import contextlib
import ctypes
import mmap
import os
import pathlib
import stat


def files_of(checkpoint):
    """Of a directory, or the one file that a checkpoint may be, too."""
    checkpoint = pathlib.Path(checkpoint)
    return sorted(checkpoint.glob("*.safetensors")) if checkpoint.is_dir() else [checkpoint]


def flush(checkpoint):
    for file in files_of(checkpoint):
        with open(file, "rb") as content:
            os.fsync(content.fileno())


def drop(checkpoint):
    flush(checkpoint)
    for file in files_of(checkpoint):
        with open(file, "rb") as content:
            os.posix_fadvise(content.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def warm_up(checkpoint):
    if cached_fraction(checkpoint) == 1:
        return
    piece = bytearray(16 << 20)
    for file in files_of(checkpoint):
        with open(file, "rb", buffering=0) as content:
            while content.readinto(piece):
                pass


def cached_fraction(checkpoint):
    """How much of the files is in the page cache."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    pages = cached = 0
    for file in files_of(checkpoint):
        size = file.stat().st_size
        with open(file, "rb") as content:
            address = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, content.fileno(), 0)
        if address in (None, ctypes.c_void_p(-1).value):
            raise OSError(ctypes.get_errno(), f"mmap {file}")
        flags = ctypes.create_string_buffer((size + mmap.PAGESIZE - 1) // mmap.PAGESIZE)
        status = libc.mincore(address, size, flags)
        libc.munmap(address, size)
        if status != 0:
            raise OSError(ctypes.get_errno(), f"mincore {file}")
        pages += len(flags)
        cached += len(flags) - flags.raw.count(0)
    return cached / pages if pages else 0.0


def mount_of(path, mounts):
    """(source, file system) of the mount that `path` belongs to; of two at the same place the later one is seen."""
    longest, found = -1, ("unknown", "")
    for line in pathlib.Path(mounts).read_text(encoding="utf-8").splitlines():
        # id parent major:minor root mount-point options [tags…] - type source options
        before, _, after = line.partition(" - ")
        words, kind = before.split(), after.split()
        if len(words) > 4 and len(kind) > 1 and len(words[4]) >= longest and path.is_relative_to(words[4]):
            longest, found = len(words[4]), (kind[1], kind[0])
    return found


def read_ahead_kib(device, sys):
    """A partition uses its disk's queue. A network file system has no queue, but an entry in class/bdi."""
    number = f"{os.major(device)}:{os.minor(device)}"
    for file in (f"dev/block/{number}/queue", f"dev/block/{number}/../queue", f"class/bdi/{number}"):
        with contextlib.suppress(OSError):
            return int((pathlib.Path(sys) / file / "read_ahead_kb").read_text(encoding="ascii"))
    return None


def describe_disk(path, sys="/sys", mounts="/proc/self/mountinfo"):
    """Loaders that read through the page cache are several times as fast with much read-ahead as with little:
    "/dev/vda (ext4), read-ahead 128 KiB"."""
    path = pathlib.Path(path).resolve(strict=True)
    source, kind = mount_of(path, mounts)
    ahead = read_ahead_kib(path.stat().st_dev, sys)
    with contextlib.suppress(OSError):  # Some file systems have a device number of their own, not that of their disk.
        status = os.stat(source)
        if ahead is None and stat.S_ISBLK(status.st_mode):
            ahead = read_ahead_kib(status.st_rdev, sys)
    return f"{source}{f' ({kind})' if kind else ''}, read-ahead {'unknown' if ahead is None else f'{ahead} KiB'}"
