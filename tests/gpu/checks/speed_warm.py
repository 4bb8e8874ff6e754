# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Speeds from memory: copies to the GPU, whole updates from /dev/shm and the page cache against their slowest stage
alone and against other loaders, what an update needs of the GPU's memory, and what it needs before it begins."""

import contextlib
import subprocess
import sys
import time

import page_cache
from checks import checkpoints, gpu_memory, reports
from checks.contenders import (COPY_SECONDS, bar_on_gpu, bench, copying_alone, loaders, our_update, reading_alone,
                               record_lead, record_seconds)
from checks.processes import Program, Sink, update
from checks.results import NotRun
from rounds import alternate, median

COPY_SIZE = "8GiB"
COPY_BAR = 0.95
STAGE_BAR = 1.15
LOADER_BARS = {"safetensors": 1.5}  # times as long as ours; the others at least as long
MIB = 1 << 20
MEMORY_SLACK = 64 * MIB
CONTEXT_SECONDS = 60
STAGING_MEMORY = "4GiB"


def gpu_copy(place, recorder):
    name = "copies in our chunks / plain copies of 256 MiB"
    with recorder.attempt(name):
        if not place.on_gpu:
            raise NotRun("no GPU")
        ours, plain = (median(each["seconds"] for each in rounds)
                       for rounds in bench(place, COPY_SECONDS, "gpu-copy", "--size", COPY_SIZE, "--rounds", 5))
        recorder.bar(name, plain / ours, ">=", COPY_BAR, note="staging to GPU / plain cudaMemcpyAsync")


def context_bytes(place, gpu):
    """What a process takes that has a context and nothing else."""
    before = gpu.settled_free_bytes()
    with Program(place, [sys.executable, "-B", "-m", "checks.gpu_memory"], "context", stdin=subprocess.PIPE) as holder:
        holder.wait_for_text("holding", CONTEXT_SECONDS)
        return before - gpu.settled_free_bytes()


def memory_of_an_update(place, recorder, checkpoint):
    name = "GPU memory of an update beside its context"
    with recorder.attempt(name):
        if not place.on_gpu:
            raise NotRun("no GPU")
        gpu = gpu_memory.Gpu()
        context = context_bytes(place, gpu)
        # An engine that copies nothing: what it has does not change.
        with Sink(place, "--consume", "none") as sink:
            update(place, checkpoint, sink.url)
            before = gpu.settled_free_bytes()
            with gpu_memory.LowestFree(gpu) as lowest:
                report = update(place, checkpoint, sink.url)
        taken = before - lowest.bytes - context
        limit = max(checkpoints.tensor_sizes(checkpoint)) + 2 * report["plan"]["bucket_bytes"] + MEMORY_SLACK
        recorder.bar(name, taken / MIB, "<=", limit / MIB, "MiB",
                     f"the ring has {report['plan']['ring_bytes'] >> 20} MiB, a context {context >> 20} MiB")


def record_stage_ratio(place, recorder, contender, stages_alone):
    """The worker's copy cannot be measured alone; it is within the GPU, and far faster than what can."""
    name = f"{contender.name} / its slowest stage alone"
    with recorder.attempt(name):
        slowest = max(stages_alone, key=lambda each: each.median())
        busiest = sorted({figures["stage"] for figures in contender.figures})
        note = (f"{slowest.name}, {slowest.median():.2f} s; in the updates {', '.join(busiest)} was busiest, which "
                f"makes {contender.median('ratio'):.3f}; {contender.rounds_text()}")
        bar_on_gpu(place, recorder, name, contender.median() / slowest.median(), "<=", STAGE_BAR, note)


def startup(place, recorder, checkpoint, sink):
    """Connecting GPUs is told by the step nccl: there is one here."""
    with recorder.attempt("start-up before the first byte"):
        found = reports.startup_seconds(update(place, checkpoint, sink.url, "--host-memory", STAGING_MEMORY))
        recorder.figure("start-up: the device and its context", found["devices_seconds"], "s")
        recorder.figure(f"start-up: registering {STAGING_MEMORY}, and the ring", found["memory_seconds"], "s")


def record_startup(recorder, ours):
    with recorder.attempt("start-up before the first byte, of the updates measured"):
        seconds = ours.median("startup_seconds")
        recorder.figure("start-up before the first byte, of the updates measured", seconds, "s",
                        "devices and memory, from the node's report")
        wall = ours.median("wall_seconds")
        recorder.figure("the node's process from beginning to end", wall, "s", "from page cache")


def run(place, recorder):
    ends_at = time.monotonic() + place.seconds_left()
    checkpoint = checkpoints.synthetic(place, place.size)
    gpu_copy(place, recorder)
    memory_of_an_update(place, recorder, checkpoint)
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(Sink(place, "--consume", "copy"))

        def prepare():
            page_cache.warm_up(checkpoint)

        cached = our_update(place, sink, "whole update from page cache", checkpoint, prepare)
        ours = [cached]
        readings = [reading_alone(place, checkpoint, prepare)]
        with recorder.attempt("whole update from /dev/shm"):
            copy = stack.enter_context(checkpoints.in_memory(checkpoint))
            ours.insert(0, our_update(place, sink, "whole update from /dev/shm", copy))
            readings.insert(0, reading_alone(place, copy, name="reading /dev/shm alone"))
        others = stack.enter_context(loaders(place, recorder, checkpoint, prepare))
        copying = [copying_alone(place, place.size)] if place.on_gpu else []
        prepare()
        startup(place, recorder, checkpoint, sink)
        alternate([*ours, *readings, *copying, *others], ends_at)
    for each, reading in zip(ours, readings):
        record_stage_ratio(place, recorder, each, [reading, *copying])
    for each in others:
        record_lead(place, recorder, cached, each, LOADER_BARS.get(each.name, 1.0), "warm")
    for each in (*ours, *readings, *copying, *others):
        record_seconds(recorder, each, checkpoint, is_ours=each not in others)
    record_startup(recorder, cached)
