#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Measures how long hosts take that join at once, against a single one.

Makes virtual hosts on this machine (support/virtual-hosts.sh), all on links of the same rate. Two of them keep a version in
memory. Then one host joins, and then several at once; again and again. Prints for each round how long it took from the first
start to the last end, and how many times its weights each source has sent, and at the end the ratio of the medians. Needs root.
Ends with 1 when the bar is missed.

    tests/cluster/joining_together.py --programs build/apps --scratch build
"""

import argparse
import json
import pathlib
import re
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from support.virtual_hosts import address, hosts_with_engines, wait_for  # noqa: E402

SOURCES = 2
PORT = 19730
MIB = 1 << 20


def node(options, *flags):
    return [options.programs / "ckpt-actor-node", "--device", "host", "--inference-parallel-size", 1, "--endpoint",
            f"http://127.0.0.1:{PORT}", "--insecure-network", "--host-memory", options.host_memory, *flags]


def start_sources(hosts, options, scratch):
    metas = scratch / "metas.json"
    started = []
    for host in range(SOURCES):
        place = ["--nnodes", SOURCES, "--node-rank", host, "--master-addr", address(0)]
        flags = ["--checkpoint-path", scratch / "checkpoint", "--save-metas-file", metas, "--sleep-time", 3600,
                 "--chunk-size", options.chunk_size]
        started.append(hosts.start(host, node(options, *place, *flags), scratch / f"source-{host}.log"))
    wait_for(metas.exists, "the sources' offer", 120)
    return started, metas


def taken_from_sources(log, size):
    """How much of the weights this host took from the sources, 1 being all."""
    units = {"B": 1, "KiB": 1 << 10, "MiB": MIB, "GiB": 1 << 30}
    said = re.search(r"weights taken from sources: ([0-9.]+) (\w+)", log)
    return float(said[1]) * units[said[2]] / size if said else 1.0


def join(hosts, options, scratch, metas, count):
    """Seconds from the first start to the last end, and how many copies the sources have sent."""
    began = time.monotonic()
    logs = [scratch / f"joining-{host}.log" for host in range(count)]
    nodes = [hosts.start(SOURCES + host, node(options, "--load-metas-file", metas, "--report", scratch / f"report-{host}"), log)
             for host, log in enumerate(logs)]
    for process, log in zip(nodes, logs):
        if process.wait(600) != 0:
            sys.exit(f"a host that joins failed:\n{log.read_text()}")
    seconds = time.monotonic() - began
    size = json.loads((scratch / "report-0").read_text())["stages"]["disk"]["bytes"]
    return seconds, sum(taken_from_sources(log.read_text(), size) for log in logs)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=pathlib.Path, default=pathlib.Path("build/apps"))
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--size", default="2GiB", help="of the checkpoint")
    parser.add_argument("--chunk-size", default="4MiB", help="what goes from host to host in one piece")
    parser.add_argument("--joining", type=int, default=4, help="hosts that join at once")
    parser.add_argument("--link-rate", type=int, default=200, help="of each host, in MiB/s each way")
    parser.add_argument("--host-memory", default="512MiB", help="of each host, for staging")
    parser.add_argument("--bar", type=float, default=1.5, help="for the ratio")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def main():
    options = parse_arguments()
    count = SOURCES + options.joining
    with hosts_with_engines(count, options.programs, options.scratch, options.size, PORT) as (hosts, scratch, started):
        sources, metas = start_sources(hosts, options, scratch)
        started += sources
        for host in range(count):
            hosts.limit_link(host, options.link_rate * MIB)
        alone, together = [], []
        for number in range(options.rounds):
            alone.append(join(hosts, options, scratch, metas, 1)[0])
            seconds, copies = join(hosts, options, scratch, metas, options.joining)
            together.append(seconds)
            print(f"round {number + 1}: one {alone[-1]:.2f} s, {options.joining} at once {seconds:.2f} s; the sources sent "
                  f"{copies:.2f} copies", flush=True)
    ratio = statistics.median(together) / statistics.median(alone)
    print(f"medians: one {statistics.median(alone):.2f} s, {options.joining} at once {statistics.median(together):.2f} s, "
          f"ratio {ratio:.2f} (bar {options.bar}): {'held' if ratio <= options.bar else 'MISSED'}")
    sys.exit(ratio > options.bar)


if __name__ == "__main__":
    main()
