#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Measures how much faster an update gets with the number of hosts that read.

Makes virtual hosts on this machine (support/virtual-hosts.sh), each with an engine of its own and a disk that gives it
so many bytes a second and no more, and runs whole updates with 1, 2 and 4 of them: the same checkpoint, cold, several
rounds in alternating order. Prints the medians, what they are against one host, how much all hosts together read, how
much more than the mean the one with the biggest share, and the processor time of all nodes: one machine works for all.
Needs root. Ends with 1 when a bar is missed.

    tests/cluster/scaling.py --programs build/apps --scratch build
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "apps" / "bench")]
import page_cache  # noqa: E402
from rounds import Contender, alternate, holds  # noqa: E402
from support.virtual_hosts import VirtualHosts, can_be_made  # noqa: E402

MIB = 1 << 20
BARS = {2: 1.85, 4: 3.5}  # times as fast as one host, at least
READ_MAX = 1.01  # bytes that the disks read, for each byte of the checkpoint
PORT = 19730


def node_command(host, count, options, report):
    return [options.programs / "ckpt-actor-node", "--checkpoint-path", options.checkpoint, "--device", "host",
            "--devices", 1, "--inference-parallel-size", 1, "--endpoint", f"http://127.0.0.1:{PORT}",
            "--nnodes", count, "--node-rank", host, "--master-addr", "10.77.0.1", "--insecure-network",
            "--report", report]


def update_once(hosts, count, options, scratch):
    """One update of the first `count` hosts: seconds by report and by wall clock, and bytes read from the disk."""
    logs = [scratch / f"node-{host}.log" for host in range(count)]
    reports = [scratch / f"report-{host}.json" for host in range(count)]
    start = time.monotonic()
    nodes = [hosts.start(host, node_command(host, count, options, reports[host]), logs[host])
             for host in range(count)]
    disk_bytes = cpu_seconds = 0
    for host, node in enumerate(nodes):
        _, status, used = os.wait4(node.pid, 0)
        node.returncode = os.waitstatus_to_exitcode(status)
        disk_bytes += used.ru_inblock * 512
        cpu_seconds += used.ru_utime + used.ru_stime
        if node.returncode != 0:
            sys.exit(f"the node on host {host} of {count} ended with {node.returncode}:\n{logs[host].read_text()}")
    wall = time.monotonic() - start
    written = [json.loads(report.read_text()) for report in reports]
    shares = [host["stages"]["disk"]["bytes"] for host in written[0].get("hosts", written)]
    return {"hosts": count, "seconds": max(one["seconds"] for one in written), "wall_seconds": wall,
            "cpu_seconds": cpu_seconds, "shares": shares, "disk_bytes": disk_bytes,
            "checkpoint_bytes": written[0]["checkpoint"]["bytes"]}


def measure(hosts, options, scratch):
    """A contender for each number of hosts."""

    def contender(count):
        def run():
            figures = update_once(hosts, count, options, scratch)
            print("{hosts} host(s) {seconds:.2f} s, wall {wall_seconds:.2f} s".format(**figures), flush=True)
            return figures

        return Contender(count, run, lambda: page_cache.drop(options.checkpoint))

    return alternate([contender(count) for count in options.hosts], rounds=options.rounds)


def summarize(contenders):
    """Prints the table; true when every bar is held."""
    print(f"\n{'hosts':>5} {'seconds':>8} {'times':>6} {'wall':>7} {'times':>6} {'read/size':>9} {'biggest/mean':>12} "
          f"{'cpu s':>6}  bar")
    good = True
    for each in contenders:
        seconds, wall = each.median(), each.median("wall_seconds")
        faster = contenders[0].median() / seconds
        read = max(one["disk_bytes"] / one["checkpoint_bytes"] for one in each.figures)
        shares = each.figures[0]["shares"]
        held = holds(faster, ">=", BARS.get(each.name, 0)) and holds(read, "<=", READ_MAX)
        good = good and held
        bar = f">= {BARS[each.name]}, " if each.name in BARS else ""
        print(f"{each.name:5} {seconds:8.2f} {faster:6.2f} {wall:7.2f} {contenders[0].median('wall_seconds') / wall:6.2f} "
              f"{read:9.4f} {max(shares) / statistics.mean(shares):12.3f} {each.median('cpu_seconds'):6.2f}  "
              f"{bar}read <= {READ_MAX}: {'held' if held else 'MISSED'}")
    return good


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=pathlib.Path, default=pathlib.Path("build/apps"))
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("build"),
                        help="folder on the disk to measure; everything put there is removed")
    parser.add_argument("--size", default="1GiB", help="of the checkpoint")
    parser.add_argument("--disk-rate", type=int, default=60, help="MiB/s that each host may read")
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path, help="write the figures of every round to this file")
    return parser.parse_args()


def main():
    options = parse_arguments()
    if not can_be_made():
        sys.exit(1)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="ckpt-scaling-", dir=options.scratch.resolve()))
    try:
        options.checkpoint = scratch / "checkpoint"
        subprocess.run([options.programs / "ckpt-bench", "write", "--path", options.checkpoint, "--size", options.size,
                        "--flush"], check=True)
        with VirtualHosts(max(options.hosts)) as hosts:
            for host in range(hosts.count):
                hosts.start_engine(host, options.programs / "ckpt-sink", PORT, scratch / f"engine-{host}.log")
                hosts.limit_disk(host, options.checkpoint, options.disk_rate * MIB)
            contenders = measure(hosts, options, scratch)
        good = summarize(contenders)
        if options.json:
            options.json.write_text(json.dumps([one for each in contenders for one in each.figures], indent=1) + "\n")
    finally:
        shutil.rmtree(scratch)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
