# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What an engine's processes have in use, and whether that has grown between two looks."""

import contextlib
import os
import pathlib
import time

from checks.checkpoints import shared_memory_names
from checks.results import CheckFailed

MIB = 1 << 20
GROWTH_MAX = 0.01  # of what there was
VANISH_SECONDS = 3
GROWTH_BYTES_MAX = 8 * MIB  # and this much at least, which allocators need for themselves


def private_memory_bytes(pid):
    """Memory of its own that is resident: without files that are mapped, whose pages come and go."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) << 10
    return 0


def open_descriptors(pid):
    with contextlib.suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))
    return 0


def usage_of(pids, gpu_free_bytes):
    """`gpu_free_bytes` is None where there is no GPU."""
    return {"gpu_free_bytes": gpu_free_bytes, "memory_bytes": sum(map(private_memory_bytes, pids)),
            "descriptors": sum(map(open_descriptors, pids)), "processes": len(pids),
            "shared_memory": shared_memory_names()}


def report_growth(recorder, name, before, after):
    """One check for each kind of thing that may not have grown."""
    if before["gpu_free_bytes"] is None or after["gpu_free_bytes"] is None:
        recorder.not_run(f"{name}: GPU memory", "no GPU")
    else:
        grown = before["gpu_free_bytes"] - after["gpu_free_bytes"]
        recorder.bar(f"{name}: GPU memory grew by", grown / MIB, "<=", GROWTH_BYTES_MAX / MIB, "MiB")
    grown = after["memory_bytes"] - before["memory_bytes"]
    limit = max(GROWTH_BYTES_MAX, GROWTH_MAX * before["memory_bytes"])
    recorder.bar(f"{name}: host memory grew by", grown / MIB, "<=", limit / MIB, "MiB",
                 f"of {before['memory_bytes'] / MIB:.0f} MiB in {before['processes']} processes")
    recorder.bar(f"{name}: open descriptors grew by", after["descriptors"] - before["descriptors"], "<=", 0, "",
                 f"of {before['descriptors']}")


def nothing_left(recorder, name, names_before):
    """Of files in shared memory, none that was not there before, or is there for a moment only."""
    with recorder.attempt(name):
        until = time.monotonic() + VANISH_SECONDS
        while (left := sorted(shared_memory_names() - names_before)) and time.monotonic() < until:
            time.sleep(0.1)
        if left:
            raise CheckFailed(f"left behind: {', '.join(left)}")
        recorder.ok(name, "none left behind", note=f"{len(names_before)} had been there before")
