#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Measures how long an engine's answers take while another host pulls weights from beside it, against before.

Makes two virtual hosts on this machine (support/virtual-hosts.sh). The first keeps a version in memory, held to --send-limit, beside
an engine that is asked one thing after the other, as often as --rate says. In turns nothing else happens, or the second host joins
again and again. Prints the 99th percentile of the answers' times for each turn, and at the end the ratio of the medians. Needs root.
Ends with 1 when the bar is missed.

    tests/cluster/answers_beside_joins.py --programs build/apps --scratch build
"""

import argparse
import http.client
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from support.virtual_hosts import address, hosts_with_engines, wait_for  # noqa: E402

PORT = 19730


def ask_for(seconds, rate, answer_seconds):
    """On the engine's host: prints the 99th percentile of its answers' times, in seconds."""
    line = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    took = []
    end = time.monotonic() + seconds
    due = time.monotonic()
    while due < end:
        time.sleep(max(0.0, due - time.monotonic()))
        # From the moment at which it is due: an answer that is late makes those behind it late, too.
        line.request("POST", "/generate", f'{{"text": "a", "seconds": {answer_seconds}}}')
        line.getresponse().read()
        took.append(time.monotonic() - due)
        due += 1 / rate
    print(statistics.quantiles(took, n=100)[98])


class Pair:
    """A host with the weights and one that joins."""

    def __init__(self, hosts, options, scratch):
        self.hosts, self.options, self.scratch = hosts, options, scratch
        self.metas = scratch / "metas.json"
        self.joins = 0

    def node(self, *flags):
        return [self.options.programs / "ckpt-actor-node", "--device", "host", "--inference-parallel-size", 1, "--endpoint",
                f"http://127.0.0.1:{PORT}", "--insecure-network", *flags]

    def start_source(self):
        source = self.hosts.start(0, self.node("--checkpoint-path", self.scratch / "checkpoint", "--peer-address", address(0),
                                               "--save-metas-file", self.metas, "--sleep-time", 3600,
                                               "--send-limit", self.options.send_limit), self.scratch / "source.log")
        wait_for(self.metas.exists, "the source's offer", 120)
        return source

    def p99(self, is_beside_joins):
        asking = subprocess.Popen(self.hosts.command(0, [sys.executable, __file__, "--ask", self.options.seconds, "--rate",
                                                         self.options.rate, "--answer-seconds", self.options.answer_seconds]), stdout=subprocess.PIPE, text=True)
        while is_beside_joins and asking.poll() is None:
            self.join()
        return float(asking.communicate()[0])

    def join(self):
        log = self.scratch / "joining.log"
        if self.hosts.start(1, self.node("--load-metas-file", self.metas), log).wait(600) != 0:
            sys.exit(f"the host that joins failed:\n{log.read_text()}")
        self.joins += 1


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=pathlib.Path, default=pathlib.Path("build/apps"))
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--size", default="256MiB", help="of the checkpoint")
    parser.add_argument("--send-limit", default="50MiB", help="of the source, bytes a second")
    parser.add_argument("--rate", type=float, default=25, help="requests a second")
    parser.add_argument("--answer-seconds", type=float, default=0.02, help="that the engine itself takes for an answer")
    parser.add_argument("--seconds", type=float, default=10, help="of a turn")
    parser.add_argument("--bar", type=float, default=1.1, help="for the ratio")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ask", type=float, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = parse_arguments()
    if options.ask:
        ask_for(options.ask, options.rate, options.answer_seconds)
        return
    with hosts_with_engines(2, options.programs, options.scratch, options.size, PORT) as (hosts, scratch, started):
        pair = Pair(hosts, options, scratch)
        started.append(pair.start_source())
        before, beside = [], []
        for number in range(options.rounds):
            before.append(pair.p99(False))
            beside.append(pair.p99(True))
            print(f"round {number + 1}: 99 of 100 answers within {before[-1] * 1e3:.2f} ms, beside joins {beside[-1] * 1e3:.2f} ms",
                  flush=True)
    ratio = statistics.median(beside) / statistics.median(before)
    print(f"{pair.joins} joins; medians: {statistics.median(before) * 1e3:.2f} and {statistics.median(beside) * 1e3:.2f} ms, "
          f"ratio {ratio:.2f} (bar {options.bar}): {'held' if ratio <= options.bar else 'MISSED'}")
    sys.exit(ratio > options.bar)


if __name__ == "__main__":
    main()
