# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What takes part in the rounds of both speed steps: our updates, and other loaders as processes that live on."""

import contextlib
import json
import select
import subprocess
import sys
import time

from checks import checkpoints, machine, reports
from checks.processes import END_SECONDS, START_SECONDS, Program, update
from checks.results import CheckFailed, NotRun
from rounds import Contender

LOAD_SECONDS = 150
READ_SECONDS = 150
COPY_SECONDS = 120
UPDATE_SECONDS = 150
LOADERS = ("safetensors", "fastsafetensors", "runai-model-streamer", "instanttensor")


def runtime_without_a_version(place):
    """Variables with which libcudart.so is found under that name, as fastsafetensors wants it; Python's package has it
    only with its version."""
    runtime = machine.cuda_runtime()
    if runtime is None:
        return {}
    folder = place.in_work("cuda-runtime")
    folder.mkdir(exist_ok=True)
    link = folder / "libcudart.so"
    link.unlink(missing_ok=True)
    link.symlink_to(runtime)
    return {"LD_LIBRARY_PATH": ":".join(filter(None, [place.environment().get("LD_LIBRARY_PATH"), str(folder)]))}


class Loader(Program):
    """A process of loaders.py that is ready. NotRun where its package is not there."""

    def __init__(self, place, name):
        self.device = "cuda:0" if place.on_gpu else "cpu"
        super().__init__(place, [sys.executable, "-B", "-m", "checks.loaders", name, self.device,
                                 place.loader_packages], name, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         **runtime_without_a_version(place))
        try:
            answer = self.answer(START_SECONDS)
            if "missing" in answer:
                raise NotRun(answer["missing"])
            if "failed" in answer:
                raise CheckFailed(answer["failed"])
        except BaseException:
            self.end()
            raise

    def answer(self, seconds):
        """One line, read as far as it has come: a process that hangs in the middle of one is a failure, too."""
        until = time.monotonic() + seconds
        text = b""
        while not text.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], max(0, until - time.monotonic()))[0]:
                raise CheckFailed(f"{self.name} did not answer within {seconds} s: {self.last_words()}")
            piece = self.process.stdout.read1(1 << 16)
            if not piece:
                raise CheckFailed(f"{self.name} died: {self.last_words()}")
            text += piece
        return json.loads(text)

    def load(self, checkpoint):
        files = [str(file) for file in checkpoints.files_of(checkpoint)]
        self.process.stdin.write(json.dumps({"files": files}).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.answer(LOAD_SECONDS)
        if "failed" in answer:
            raise CheckFailed(answer["failed"])
        expected = sum(checkpoints.tensor_sizes(checkpoint))
        if answer["bytes"] != expected:
            raise CheckFailed(f"loaded {answer['bytes']} bytes of {expected}")
        return answer

    def end(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_SECONDS)
        super().end()


@contextlib.contextmanager
def loaders(place, recorder, checkpoint, prepare):
    """A contender for each loader that is there; the others are said not to be."""
    with contextlib.ExitStack() as stack:
        found = []
        for name in LOADERS:
            with recorder.attempt(name):
                loader = stack.enter_context(Loader(place, name))
                found.append(Contender(name, lambda loader=loader: loader.load(checkpoint), prepare))
        yield found


def our_update(place, sink, name, checkpoint, prepare=lambda: None):
    """A whole update: a fresh node each round, and the engine lives on. What it measures is the node's own clock, from
    the start of the pipeline to the last acknowledgement; wall_seconds is the process from beginning to end."""

    def run():
        report = update(place, checkpoint, sink.url, seconds=UPDATE_SECONDS)
        stage, busy_seconds = reports.busiest_stage(report)
        return {"seconds": report["seconds"], "wall_seconds": report["wall_seconds"],
                "startup_seconds": sum(reports.startup_seconds(report).values()), "stage": stage,
                "ratio": report["seconds"] / busy_seconds if busy_seconds > 0 else float("inf")}

    return Contender(name, run, prepare)


def bench(place, seconds, *words):
    """What ckpt-bench measures, one stage and nothing beside it: the rounds of each series."""
    report = place.in_work("bench.json")
    with Program(place, [place.program("ckpt-bench"), *words, "--json", report], words[0]) as running:
        if running.wait(seconds) != 0:
            raise CheckFailed(running.last_words())
    return [series["rounds"] for series in json.loads(report.read_text(encoding="utf-8"))["measured"]]


def reading_alone(place, checkpoint, prepare=lambda: None, name="reading alone (ckpt-bench read)"):
    return Contender(name, lambda: bench(place, READ_SECONDS, "read", "--checkpoint", checkpoint, "--rounds", 1)[0][0],
                     prepare)


def copying_alone(place, size):
    return Contender("copying alone (ckpt-bench gpu-copy)",
                     lambda: bench(place, COPY_SECONDS, "gpu-copy", "--size", size, "--rounds", 1)[0][0])


def record_seconds(recorder, contender, checkpoint, is_ours=False):
    """The median, how many bytes a second that is, and the rounds: no bar."""
    if contender.failure and not is_ours:
        return  # as has been said where it is compared
    with recorder.attempt(contender.name):
        seconds = contender.median()
        rate = sum(checkpoints.tensor_sizes(checkpoint)) / (1 << 30) / seconds
        recorder.figure(contender.name, seconds, "s", f"{rate:.2f} GiB/s; {contender.rounds_text()}")


def bar_on_gpu(place, recorder, name, value, relation, limit, note=""):
    """A bar where it means something. In host memory there are other limits, and some loaders map files and copy
    nothing."""
    if place.on_gpu:
        recorder.bar(name, value, relation, limit, note=note)
    else:
        recorder.figure(name, value, note=note)


def record_lead(place, recorder, ours, other, limit, kind):
    """How many times as long the other one takes. One that broke off says nothing about us."""
    name = f"{other.name}, {kind}, took so many times as long"
    with recorder.attempt(name):
        if other.failure:
            raise NotRun(f"it broke off: {other.failure}")
        bar_on_gpu(place, recorder, name, other.median() / ours.median(), ">=", limit, other.rounds_text())
