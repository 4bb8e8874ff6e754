# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What the processes of a group hold: memory, descriptors, threads, files in /dev/shm. Read from /proc."""

import contextlib
import dataclasses
import os
import pathlib
import re
import time


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
    total = Usage(0, 0, 0, len(shared_files(group)))
    for process in processes(group):
        status = pathlib.Path(f"/proc/{process}/status").read_text()
        total.resident_bytes += int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024
        total.threads += int(re.search(r"Threads:\s+(\d+)", status)[1])
        total.descriptors += len(os.listdir(f"/proc/{process}/fd"))
    return total


def shared_files(group):
    """The files in /dev/shm that the group's processes have mapped or open."""
    found = set()
    for process in processes(group):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{process}/maps").read_text().splitlines():
                path = line.split(maxsplit=5)[5:]
                if path and path[0].startswith("/dev/shm/"):
                    found.add(path[0].removesuffix(" (deleted)"))
            for descriptor in pathlib.Path(f"/proc/{process}/fd").iterdir():
                with contextlib.suppress(OSError):
                    path = os.readlink(descriptor)
                    if path.startswith("/dev/shm/"):
                        found.add(path.removesuffix(" (deleted)"))
    return found


def wait_for_end(group, seconds_max):
    """Until none of the group's processes lives."""
    deadline = time.monotonic() + seconds_max
    while processes(group):
        if time.monotonic() > deadline:
            raise AssertionError(f"processes {processes(group)} of group {group} live on")
        time.sleep(0.02)
