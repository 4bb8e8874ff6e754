#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Thousands of updates of one resident node in a row: its threads, descriptors, memory and what is in /dev/shm must stay.

    python3 tests/campaign/endurance.py --updates 10000
"""

import argparse
import contextlib
import functools
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "apps" / "python"))
from ckpt_actor import Client  # noqa: E402

READY_SECONDS = 30
# The node remembers that many updates, with their reports.
REMEMBERED_UPDATES = 1024
# In which the threads of the last update end.
SETTLE_SECONDS = 1
# Of the resident memory, which the allocator gives back as it likes.
GROWTH_MAX = 1.05


def measure(process):
    time.sleep(SETTLE_SECONDS)
    base = pathlib.Path(f"/proc/{process.pid}")
    status = dict(line.split(":\t", 1) for line in (base / "status").read_text().splitlines() if ":\t" in line)
    return {"threads": int(status["Threads"]), "descriptors": len(list((base / "fd").iterdir())),
            "shm": sum(1 for _ in pathlib.Path("/dev/shm").glob("ckpt-*")), "rss_kib": int(status["VmRSS"].split()[0])}


def wait_for(log, words, process):
    until = time.monotonic() + READY_SECONDS
    while words not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > until:
            sys.exit(f"it does not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)


def start(programs, scratch, ends, words, name, *flags):
    """The program once its log in `scratch` has these words; killed with `ends`."""
    log = scratch / f"{name}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen([programs / name, *flags], stdout=output, stderr=subprocess.STDOUT)
    ends.callback(process.kill)
    wait_for(log, words, process)
    return process


def end(process):
    process.send_signal(signal.SIGTERM)
    return process.wait(READY_SECONDS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build" / "apps")
    parser.add_argument("--updates", type=int, default=10_000)
    parser.add_argument("--size", default="1MiB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="endurance-", dir="/dev/shm") as directory, contextlib.ExitStack() as programs:
        scratch = pathlib.Path(directory)
        checkpoint, socket, port = scratch / "checkpoint", scratch / "node.sock", scratch / "port"
        subprocess.run([options.programs / "ckpt-bench", "write", "--path", checkpoint, "--size", options.size], check=True,
                       stdout=subprocess.DEVNULL)

        run = functools.partial(start, options.programs, scratch, programs)
        sink = run("ckpt-sink ready", "ckpt-sink", "--workers", "2", "--readiness", "serving", "--port-file", port, "--verify",
                     checkpoint)
        node = run("listening at", "ckpt-actor-node", "serve", "--device", "host", "--inference-parallel-size", "2",
                     "--endpoint", f"http://127.0.0.1:{port.read_text().strip()}", "--resident-memory", "64MiB", "--listen",
                     f"unix:{socket}")
        client, seconds, first = Client(f"unix:{socket}"), [], None
        begin = min(REMEMBERED_UPDATES + 100, options.updates // 2)
        for number in range(1, options.updates + 1):
            started = time.monotonic()
            client.publish(checkpoint, f"step-{number}").wait(READY_SECONDS)
            seconds.append(time.monotonic() - started)
            if number in (100, begin):
                first = measure(node)
                print(f"after {number}: {first}", flush=True)
            elif number % 1000 == 0:
                print(f"{number}: {measure(node)}, median of the last {statistics.median(seconds[-1000:]) * 1000:.1f} ms",
                      flush=True)
        last, status = measure(node), end(node)
        end(sink)
    print(f"after {options.updates}: {last}; an update {statistics.median(seconds) * 1000:.1f} ms, exit status {status}")
    same = all(last[what] <= first[what] for what in ("threads", "descriptors", "shm"))
    passed = same and last["rss_kib"] <= first["rss_kib"] * GROWTH_MAX and status == 0
    print("passed" if passed else "FAILED")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
