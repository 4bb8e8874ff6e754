# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The programs under test as child processes: a node, the stand-in engine, and the host of the real worker. None of
them outlives its with statement."""

import contextlib
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

from checks.packages import require_worker
from checks.results import CheckFailed
from checks.runner import tail_of

NODE_SECONDS = 120  # how long an update may take that is not measured
START_SECONDS = 90  # until a program listens: torch and a CUDA context may have to be loaded from a cold disk
END_SECONDS = 20
log_numbers = itertools.count()


class Program:
    """A running program whose output goes to a file in the step's folder."""

    def __init__(self, place, command, name, stdin=subprocess.DEVNULL, stdout=None, **variables):
        self.name = name
        self.log = place.in_work(f"{name}-{next(log_numbers)}.log")
        self.started = time.monotonic()
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen([str(word) for word in command], stdin=stdin, stdout=stdout or output,
                                            stderr=output, env=place.environment(**variables))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def output(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def last_words(self, lines=12):
        return f"{self.name}: " + " / ".join(tail_of(self.log, lines))

    def wait(self, seconds):
        """Its exit status, negative for a signal."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise CheckFailed(f"{self.name} did not end within {seconds} s: {self.last_words()}") from None

    def wait_for(self, seconds, ready):
        """Until `ready()` gives something, which is returned; CheckFailed when the program ends before."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            seen = ready()
            if seen:
                return seen
            if self.process.poll() is not None:
                raise CheckFailed(f"{self.name} ended with {self.process.returncode}: {self.last_words()}")
            time.sleep(0.02)
        raise CheckFailed(f"{self.name} was not as far within {seconds} s: {self.last_words()}")

    def wait_for_text(self, text, seconds):
        self.wait_for(seconds, lambda: text in self.output())

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(END_SECONDS)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Sink(Program):
    """ckpt-sink, listening."""

    def __init__(self, place, *flags, prefix=(), name="sink", **variables):
        number = next(log_numbers)
        self.port_file = place.in_work(f"port-{number}")
        self.report_file = place.in_work(f"sink-report-{number}.json")
        self.port_file.unlink(missing_ok=True)
        device = ["--device", "cuda"] if place.on_gpu else ["--worker-processes"]
        super().__init__(place, [*prefix, place.program("ckpt-sink"), *device, "--port-file", self.port_file,
                                 "--report", self.report_file, *flags], name, **variables)
        try:
            port = self.wait_for(START_SECONDS, self.port)
        except BaseException:
            self.end()
            raise
        self.url = f"http://127.0.0.1:{port}"

    def port(self):
        text = self.port_file.read_text(encoding="utf-8") if self.port_file.exists() else ""
        return text.strip() if text.endswith("\n") else ""

    def updates(self):
        return json.loads(self.report_file.read_text(encoding="utf-8"))["updates"]


class EngineHost(Program):
    """engine_host.py, whose worker is ready. NotRun where the worker cannot be loaded."""

    def __init__(self, place, checkpoint):
        require_worker(place.worker_packages)
        self.port_file = place.in_work(f"host-port-{next(log_numbers)}")
        self.port_file.unlink(missing_ok=True)
        super().__init__(place, [sys.executable, "-B", "-m", "checks.engine_host", "--checkpoint", checkpoint,
                                 "--device", place.device, "--interop", place.interop, "--packages",
                                 place.worker_packages, "--port-file", self.port_file], "engine-host",
                         stdin=subprocess.PIPE)
        try:
            self.wait_for(START_SECONDS, self.port_file.exists)
        except BaseException:
            self.end()
            raise
        self.url = f"http://127.0.0.1:{self.port_file.read_text(encoding='utf-8').strip()}"

    def ask(self, path, body=None, seconds=90):
        """GET, or POST with a body; the answer's JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return json.load(answer)

    def worker(self):
        """What the worker says of the last update."""
        verdict = self.ask("/verdict")
        if not verdict:
            raise CheckFailed(f"no update has reached the worker: {self.last_words()}")
        return verdict["workers"][0]

    def end(self):
        self.process.stdin.close()  # It ends with its standard input, and its worker with it.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_SECONDS)
        super().end()


class Node(Program):
    """A running ckpt-actor-node."""

    def __init__(self, place, checkpoint, url, *flags, prefix=(), name="node", **variables):
        self.report_file = place.in_work(f"report-{next(log_numbers)}.json")
        super().__init__(place, [*prefix, place.program("ckpt-actor-node"), "--checkpoint-path", checkpoint, "--device",
                                 place.device, "--inference-parallel-size", 1, "--endpoint", url, "--report",
                                 self.report_file, "--timeout", 60, *flags], name, **variables)

    def report(self):
        try:
            return json.loads(self.report_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CheckFailed(f"no report: {self.last_words()}") from None


def update(place, checkpoint, url, *flags, seconds=NODE_SECONDS):
    """A whole update that has to succeed; returns the report, with the whole process's time as wall_seconds."""
    with Node(place, checkpoint, url, *flags) as node:
        status = node.wait(seconds)
        wall_seconds = time.monotonic() - node.started
        if status != 0:
            raise CheckFailed(f"exit status {status}: {node.last_words()}")
        report = node.report()
        if report["outcome"] != "updated":
            raise CheckFailed(f"the report says {report['outcome']}: {report.get('cause')}")
        return report | {"wall_seconds": wall_seconds}


def children_of(pid):
    """Process ids of all that descend from `pid`, without it."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                text = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                # The name in parentheses may hold anything; what follows it does not.
                parents[int(entry.name)] = int(text.rpartition(")")[2].split()[1])
    found, edge = [], [pid]
    while edge:
        edge = [child for child, parent in parents.items() if parent in edge]
        found += edge
    return found


def is_alive(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
