# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What the processes of a group hold: memory, descriptors, threads, files in /dev/shm. Read from /proc."""

import contextlib
import dataclasses
import os
import pathlib
import re
import time


# How Python's multiprocessing, torch and SGLang call theirs.
ENGINES_FILES = ("sem.mp-*", "psm_*", "torch_*", "sglang_*")


@dataclasses.dataclass
class Usage:
    resident_bytes: int
    descriptors: int
    threads: int
    shared_files: int


def processes(group):
    """The ids of the group's living processes; zombies, which nobody may wait for, are not."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # After the name, which may hold anything: state, parent, group.
                state, _, of_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(of_group) == group and state not in "ZX":
                    found.append(int(entry.name))
    return found


def usage(group):
    members = processes(group)
    total = Usage(0, 0, 0, len(shared_files(members)))
    for process in members:
        status = pathlib.Path(f"/proc/{process}/status").read_text()
        total.resident_bytes += int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024
        total.threads += int(re.search(r"Threads:\s+(\d+)", status)[1])
        total.descriptors += len(os.listdir(f"/proc/{process}/fd"))
    return total


def shared_files(of_processes):
    """The files in /dev/shm that these processes have mapped or open."""
    found = set()
    for process in of_processes:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{process}/maps").read_text().splitlines():
                found.update(path for path in line.split(maxsplit=5)[5:] if path.startswith("/dev/shm/"))
            for descriptor in pathlib.Path(f"/proc/{process}/fd").iterdir():
                with contextlib.suppress(OSError):
                    found.add(os.readlink(descriptor))
    return {path for path in found if path.startswith("/dev/shm/") and not path.endswith(" (deleted)")}


def remove_unused_shared_files(since):
    """What engines have made in /dev/shm since then (in seconds of the epoch) and nobody has mapped or open any more: one that is
    killed cannot remove it."""
    everybody = [entry.name for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()]
    in_use = shared_files(everybody)
    for pattern in ENGINES_FILES:
        for path in pathlib.Path("/dev/shm").glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime >= since and str(path) not in in_use:
                    path.unlink()


def wait_for_end(group, seconds_max):
    """Until none of the group's processes lives."""
    deadline = time.monotonic() + seconds_max
    while processes(group):
        if time.monotonic() > deadline:
            raise AssertionError(f"processes {processes(group)} of group {group} live on")
        time.sleep(0.02)
