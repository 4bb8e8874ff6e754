# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""A worker that keeps what it may not keep, and processes that are killed in the middle of an update."""

import os
import signal
import time

from checks import checkpoints
from checks.processes import NODE_SECONDS, EngineHost, Node, Sink, children_of, update
from checks.real_worker import check_update
from checks.results import CheckFailed, NotRun
from checks.usage import nothing_left

SIZE = "512MiB"
BUCKETS = ("--bucket-size", "16MiB")  # many lists, so that there is a middle
SECONDS_PER_GIB = 16  # of a worker that is slow on purpose: an update takes 8 s
PAUSE_SECONDS = 0.25  # the same for the real worker, for each list
FEW_LISTS = 3
LET_GO_SECONDS = 5  # the node's --timeout where it will run out
END_SECONDS_MAX = 10  # after a process was killed
NEXT_UPDATES_MAX = 3
STUCK_SECONDS = 20  # the node's --timeout beside a worker that may wait for ever
READY = " is ready"  # what the node logs when the engine is there


def expect(node, status, seconds=NODE_SECONDS):
    seen = node.wait(seconds)
    if seen != status:
        raise CheckFailed(f"exit status {seen} instead of {status}: {node.last_words()}")


def keeps_a_view(place, recorder, host, checkpoint, tensors):
    name = "real worker that keeps a view"
    with recorder.attempt(name):
        if not place.on_gpu:
            raise NotRun("host memory has no reference counter that would tell")
        host.ask("/behave", {"hold": True})
        with Node(place, checkpoint, host.url, *BUCKETS, "--timeout", LET_GO_SECONDS) as node:
            expect(node, 6)
            words = [line for line in node.output().splitlines() if "kept the buffer open" in line]
            if not words or "worker 0 (GPU-" not in words[0]:
                raise CheckFailed(f"no word on who kept the buffer open: {node.last_words()}")
        recorder.ok(name, "exit status 6", note=words[0])
    with recorder.attempt("the update after it"):
        check_update(place, host, checkpoint, tensors)
        recorder.ok("the update after it", f"{tensors} tensors")


def real_worker_is_killed(place, recorder, host, checkpoint, tensors):
    name = "real worker killed with SIGKILL: the node ends after"
    with recorder.attempt(name):
        host.ask("/behave", {"die_at_list": FEW_LISTS})
        with Node(place, checkpoint, host.url, *BUCKETS) as node:
            expect(node, 4)
            ended = time.time()
        seconds = ended - host.worker()["died_at"]
        recorder.bar(name, seconds, "<=", END_SECONDS_MAX, "s", "exit status 4")
    with recorder.attempt("the update after it, with a new worker"):
        check_update(place, host, checkpoint, tensors)
        recorder.ok("the update after it, with a new worker", f"{tensors} tensors")


def node_is_killed_beside_the_real_worker(place, recorder, host, checkpoint, tensors):
    """The real worker waits for its next message for ever, and takes the next node's first one for it. How many updates
    that costs is no bar: it is the worker's own way."""
    name = "node killed beside the real worker: the update that succeeds"
    with recorder.attempt(name):
        if not place.on_gpu:
            raise NotRun("devices of host memory have another name each time: the worker would never hear of the next")
        host.ask("/behave", {"pause_seconds": PAUSE_SECONDS})
        with Node(place, checkpoint, host.url, *BUCKETS) as node:
            node.wait_for(NODE_SECONDS, lambda: host.ask("/progress")["lists"] >= FEW_LISTS)
            node.process.kill()
        failures = []
        for number in range(1, NEXT_UPDATES_MAX + 1):
            try:
                check_update(place, host, checkpoint, tensors, "--timeout", STUCK_SECONDS)
                recorder.ok(name, number, note="; ".join(failures))
                return
            except CheckFailed as failure:
                failures.append(str(failure)[:200])
        raise CheckFailed("; ".join(failures))


def sink_worker_is_killed(place, recorder, sink, checkpoint):
    name = "ckpt-sink's worker killed with SIGKILL: the node ends after"
    with recorder.attempt(name):
        with Node(place, checkpoint, sink.url, *BUCKETS) as node:
            node.wait_for_text(READY, NODE_SECONDS)
            time.sleep(2)
            workers = children_of(sink.process.pid)
            if not workers or node.process.poll() is not None:
                raise CheckFailed(f"no update is under way: {node.last_words()}")
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            killed = time.monotonic()
            expect(node, 4)
            seconds = time.monotonic() - killed
        recorder.bar(name, seconds, "<=", END_SECONDS_MAX, "s", "exit status 4")
    with recorder.attempt("the update after that"):
        update(place, checkpoint, sink.url, *BUCKETS)
        recorder.ok("the update after that")


def node_is_killed(place, recorder, sink, checkpoint):
    name = "node killed with SIGKILL: a fresh one at once"
    with recorder.attempt(name):
        with Node(place, checkpoint, sink.url, *BUCKETS) as node:
            node.wait_for_text(READY, NODE_SECONDS)
            time.sleep(2)
            if node.process.poll() is not None:
                raise CheckFailed(f"it was over before: {node.last_words()}")
            node.process.kill()
            node.process.wait()
        update(place, checkpoint, sink.url, *BUCKETS)
        recorder.ok(name)


def last_update(place, recorder, checkpoint):
    """Which also removes what those that were killed had in shared memory."""
    name = "an update into a fresh engine after all that"
    with recorder.attempt(name), Sink(place, "--verify", checkpoint) as sink:
        update(place, checkpoint, sink.url)
        recorder.ok(name)


def run(place, recorder):
    checkpoint = checkpoints.synthetic(place, SIZE)
    tensors = len(checkpoints.tensor_sizes(checkpoint))
    before = checkpoints.shared_memory_names()
    with recorder.attempt("ckpt-sink"):
        with Sink(place, "--verify", checkpoint, "--worker-seconds-per-gib", SECONDS_PER_GIB) as sink:
            sink_worker_is_killed(place, recorder, sink, checkpoint)
            node_is_killed(place, recorder, sink, checkpoint)
    with recorder.attempt("real worker"), EngineHost(place, checkpoint) as host:
        keeps_a_view(place, recorder, host, checkpoint, tensors)
        real_worker_is_killed(place, recorder, host, checkpoint, tensors)
        node_is_killed_beside_the_real_worker(place, recorder, host, checkpoint, tensors)
    last_update(place, recorder, checkpoint)
    nothing_left(recorder, "files in /dev/shm after all that", before)
