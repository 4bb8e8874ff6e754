# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Many updates in a row into an engine that lives on: what they use has to come back each time."""

import contextlib
import time

from checks import checkpoints, gpu_memory
from checks.processes import EngineHost, Sink, children_of, update
from checks.real_worker import check_update
from checks.results import CheckFailed, NotRun
from checks.usage import nothing_left, report_growth, usage_of

SIZE = "256MiB"
WARM_UP_UPDATES = 3
UPDATES = 100
LITTLE_MEMORY = ("--host-memory", "256MiB")  # less to register each time


def series(recorder, name, update_once, look, ends_at):
    """WARM_UP_UPDATES, a look at what is in use, UPDATES more, and another look."""
    done = 0

    def updates(count):
        nonlocal done
        for _ in range(count):
            if time.monotonic() > ends_at:
                break
            try:
                update_once()
            except CheckFailed as failure:
                raise CheckFailed(f"update {done + 1}: {failure}") from failure
            done += 1

    updates(WARM_UP_UPDATES)
    before = look()
    start = time.monotonic()
    updates(UPDATES)
    seconds = time.monotonic() - start
    report_growth(recorder, name, before, look())
    nothing_left(recorder, f"{name}: files in /dev/shm", before["shared_memory"])
    more = done - WARM_UP_UPDATES
    recorder.bar(f"{name}: updates in a row", more, ">=", UPDATES, note=f"{seconds / max(more, 1):.2f} s each")


def real_worker_series(place, recorder, checkpoint, tensors, ends_at):
    name = "real worker"
    with recorder.attempt(name), EngineHost(place, checkpoint) as host:

        def look():
            seen = host.ask("/measure")
            return usage_of(seen["pids"], seen["gpu_free_bytes"])

        series(recorder, name, lambda: check_update(place, host, checkpoint, tensors, *LITTLE_MEMORY), look, ends_at)


def sink_series(place, recorder, checkpoint, ends_at):
    name = "ckpt-sink"
    gpu = None
    with contextlib.suppress(NotRun):
        gpu = gpu_memory.Gpu() if place.on_gpu else None
    with recorder.attempt(name), Sink(place, "--consume", "copy") as sink:

        def look():
            pids = [sink.process.pid, *children_of(sink.process.pid)]
            return usage_of(pids, gpu.settled_free_bytes() if gpu else None)

        series(recorder, name, lambda: update(place, checkpoint, sink.url, *LITTLE_MEMORY), look, ends_at)


def run(place, recorder):
    checkpoint = checkpoints.synthetic(place, SIZE)
    tensors = len(checkpoints.tensor_sizes(checkpoint))
    # Each gets half of the time, whatever the other needs.
    half = time.monotonic() + place.seconds_left() / 2
    real_worker_series(place, recorder, checkpoint, tensors, half)
    sink_series(place, recorder, checkpoint, time.monotonic() + place.seconds_left())
