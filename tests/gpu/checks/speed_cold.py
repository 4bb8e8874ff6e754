# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Speeds from disk, with the page cache dropped before every turn: whole updates against reading alone and against
other loaders."""

import contextlib
import time

import page_cache
from checks import checkpoints
from checks.contenders import bar_on_gpu, loaders, our_update, reading_alone, record_lead, record_seconds
from checks.machine import output_of
from checks.processes import Sink
from checks.results import NotRun
from rounds import alternate

READ_BAR = 1.1
LOADER_BARS = {"safetensors": 3.0}
NO_DISK = ("tmpfs", "ramfs")


class Coldness:
    """Drops the files from the page cache, and remembers how much of them stayed there all the same."""

    def __init__(self, checkpoint):
        self.checkpoint = checkpoint
        self.worst = 0.0

    def __call__(self):
        checkpoints.drop_from_page_cache(self.checkpoint)
        self.worst = max(self.worst, page_cache.cached_fraction(self.checkpoint))


def run(place, recorder):
    kind = output_of("stat", "-f", "-c", "%T", place.scratch)
    if kind in NO_DISK:
        raise NotRun(f"{place.scratch} is on {kind}: give a folder on a disk with --scratch")
    checkpoint = checkpoints.synthetic(place, place.size)
    cold = Coldness(checkpoint)
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(Sink(place, "--consume", "copy"))
        ours = our_update(place, sink, "whole update from disk", checkpoint, cold)
        reading = reading_alone(place, checkpoint, cold)
        others = stack.enter_context(loaders(place, recorder, checkpoint, cold))
        alternate([ours, reading, *others], time.monotonic() + place.seconds_left())
    with recorder.attempt("whole update from disk / reading alone"):
        ratio = ours.median() / reading.median()
        bar_on_gpu(place, recorder, "whole update from disk / reading alone", ratio, "<=", READ_BAR, ours.rounds_text())
    for each in others:
        record_lead(place, recorder, ours, each, LOADER_BARS.get(each.name, 1.0), "cold")
    for each in (ours, reading, *others):
        record_seconds(recorder, each, checkpoint, is_ours=each in (ours, reading))
    recorder.figure("of the files still in the page cache when cold", 100 * cold.worst, "%")
