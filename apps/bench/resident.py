# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What a resident node makes of updates: a new version beside one process per update, and versions that it has in memory. All
files are in memory, engines are ckpt-sinks that serve, so it is the node's own time that counts."""

import contextlib
import itertools
import shutil
import time

import programs
from programs import output_of, parse_object
from rounds import Contender

PUBLISHED = "300MiB"
KEPT = "1GiB"
KEPT_DEVICES = 2
ENGINES_OWN = ("stops requests", "resumes and confirms", "comes and opens the ring", "lets go of the ring", "post hook")


class Resident:
    """A node that stays, and its engine, in a folder of their own."""

    def __init__(self, where, folder, devices, memory, ends):
        folder.mkdir()
        self.where, self.socket = where, folder / "node.sock"
        self.engine, _ = ends.enter_context(
            programs.sink(where, folder, "--workers", devices, "--readiness", "serving"))
        ends.enter_context(programs.staying(
            self.socket.exists, folder / "node.log", where / "ckpt-actor-node", "serve", "--device", "host",
            "--inference-parallel-size", devices, "--endpoint", self.engine, "--resident-memory", memory, "--listen",
            f"unix:{self.socket}"))

    def call(self, *command):
        return parse_object(output_of(self.where / "ckpt-actor-node", *command, "--node", f"unix:{self.socket}"), command[0])


def write_checkpoint(where, path, size, seed=0):
    output_of(where / "ckpt-bench", "write", "--path", path, "--size", size, "--shards", 4, "--seed", seed)


def bytes_of(checkpoint):
    return sum(file.stat().st_size for file in checkpoint.glob("*.safetensors"))


@contextlib.contextmanager
def publishing(where, scratch):
    """The two ways in which a new version of PUBLISHED in /dev/shm gets into an engine."""
    fresh = itertools.count()
    with contextlib.ExitStack() as ends:
        folder = scratch / "alone"
        folder.mkdir()
        alone, _ = ends.enter_context(programs.sink(where, folder, "--readiness", "serving"))
        node = Resident(where, scratch / "resident", 1, "1GiB", ends)
        path = scratch / "step"

        def write():
            """No version is like one before."""
            shutil.rmtree(path, ignore_errors=True)
            write_checkpoint(where, path, PUBLISHED, next(fresh))

        def timed(update):
            began = time.monotonic()
            update()
            return {"seconds": time.monotonic() - began, "bytes": bytes_of(path), "cpu_seconds": 0}

        def publish():
            node.call("publish", path, "--version", f"step-{next(fresh)}", "--wait")

        def update_once():
            output_of(where / "ckpt-actor-node", "--checkpoint-path", path, "--inference-parallel-size", 1, "--device", "host",
                      "--endpoint", alone)

        yield (Contender("publish to a resident node", lambda: timed(publish), write),
               Contender("one process per update", lambda: timed(update_once), write))


def covered(spans):
    """Seconds that at least one of the spans, [begin, end) in microseconds, covers."""
    total, until = 0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, until))
        until = max(until, end)
    return total / 1e6


def what_took(trace, seconds, pause_seconds):
    """Figures of one update. `push_seconds`: from the first copy to the last list of tensors that a worker has taken."""

    def spans(is_wanted):
        return [(event["ts"], event["ts"] + event["dur"]) for event in trace["traceEvents"]
                if event["ph"] == "X" and is_wanted(event)]

    pushed = spans(lambda event: event["cat"] in ("copy", "broadcast", "worker") and event["name"].startswith("bucket"))
    others = spans(lambda event: event["name"] in ENGINES_OWN)
    return {"seconds": seconds, "cpu_seconds": 0, "besides": seconds - covered(pushed + others),
            "pause_seconds": pause_seconds,
            "push_seconds": (max(end for _, end in pushed) - min(begin for begin, _ in pushed)) / 1e6}


@contextlib.contextmanager
def going_back(where, scratch):
    """Rollback, to and fro, between two versions of KEPT in memory."""
    with contextlib.ExitStack() as ends:
        node = Resident(where, scratch / "resident", KEPT_DEVICES, "4GiB", ends)
        for version in "AB":
            write_checkpoint(where, scratch / version, KEPT, ord(version))
            node.call("publish", scratch / version, "--version", version, "--wait")

        versions = itertools.cycle("AB")

        def go_back():
            began = time.monotonic()
            update = node.call("rollback", "--version", next(versions), "--wait")
            seconds = time.monotonic() - began
            return {"bytes": bytes_of(scratch / "A")} | what_took(node.call("trace", update["id"]), seconds,
                                               update["report"]["engines"][0]["pause"]["seconds"])

        yield (Contender(f"rollback, {KEPT} in memory, {KEPT_DEVICES} devices", go_back),)
