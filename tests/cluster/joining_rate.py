#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Measures how fast a host that joins takes its weights from the memory of another one, against ucx_perftest.

Makes two virtual hosts on this machine (support/virtual-hosts.sh), linked by veth, with TCP. One keeps a version in
memory; the other joins again and again, in turn with ucx_perftest (tag_bw, 4 MiB) between the same two. Prints both
medians and their ratio. Needs root and ucx-utils. Ends with 1 when the bar is missed.

    tests/cluster/joining_rate.py --programs build/apps --scratch build
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

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from support.virtual_hosts import VirtualHosts, address, can_be_made  # noqa: E402

BAR = 0.9  # of the rate of ucx_perftest
PORT = 19730
PERFTEST = ["ucx_perftest", "-t", "tag_bw", "-s", str(4 << 20), "-n", "1000", "-w", "50"]


def wait_for(condition, what):
    until = time.monotonic() + 60
    while not condition():
        if time.monotonic() > until:
            sys.exit(f"{what} has not come")
        time.sleep(0.02)


def start_engine(hosts, host, options, scratch):
    log = scratch / f"engine-{host}.log"
    engine = hosts.start(host, [options.programs / "ckpt-sink", "--port", PORT, "--consume", "touch"], log)
    wait_for(lambda: "ckpt-sink ready" in log.read_text(), "ckpt-sink")
    return engine


def node(options, *flags):
    return [options.programs / "ckpt-actor-node", "--device", "host", "--inference-parallel-size", 1, "--endpoint",
            f"http://127.0.0.1:{PORT}", "--insecure-network", *flags]


def start_source(hosts, options, scratch):
    metas = scratch / "metas.json"
    flags = ["--checkpoint-path", options.checkpoint, "--save-metas-file", metas, "--sleep-time", 3600, "--peer-address",
             address(0)]
    source = hosts.start(0, node(options, *flags), scratch / "source.log")
    wait_for(metas.exists, "the source's offer")
    return source, metas


def joining_rate(hosts, options, scratch, metas):
    report, log = scratch / "report.json", scratch / "joining.log"
    joining = hosts.start(1, node(options, "--load-metas-file", metas, "--report", report), log)
    if joining.wait(300) != 0:
        sys.exit(f"the host that joins failed:\n{log.read_text()}")
    written = json.loads(report.read_text())
    return written["stages"]["disk"]["bytes"] / written["stages"]["disk"]["busy_seconds"], written["seconds"]


def perftest_rate(hosts, scratch):
    server = hosts.start(0, PERFTEST, scratch / "perftest-server.log")
    time.sleep(1)  # It does not say when it listens.
    log = scratch / "perftest.log"
    if hosts.start(1, [*PERFTEST[:1], address(0), *PERFTEST[1:]], log).wait(120) != 0 or server.wait(60) != 0:
        sys.exit(f"ucx_perftest failed:\n{log.read_text()}")
    final = next(line for line in log.read_text().splitlines() if line.startswith("Final:"))
    return float(final.split()[6]) * (1 << 20)  # The average of the whole run, in MiB/s.


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=pathlib.Path, default=pathlib.Path("build/apps"))
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--size", default="2GiB", help="of the checkpoint")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def main():
    options = parse_arguments()
    if not can_be_made():
        sys.exit(1)
    os.environ["UCX_TLS"] = "tcp"  # It is one machine: UCX would find shared memory.
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="ckpt-joining-", dir=options.scratch.resolve()))
    started = []
    try:
        options.checkpoint = scratch / "checkpoint"
        subprocess.run([options.programs / "ckpt-bench", "write", "--path", options.checkpoint, "--size", options.size],
                       check=True)
        with VirtualHosts(2) as hosts:
            started += [start_engine(hosts, host, options, scratch) for host in range(2)]
            source, metas = start_source(hosts, options, scratch)
            started.append(source)
            joined, wire = [], []
            for number in range(options.rounds):
                wire.append(perftest_rate(hosts, scratch))
                rate, seconds = joining_rate(hosts, options, scratch, metas)
                joined.append(rate)
                print(f"round {number + 1}: ucx_perftest {wire[-1] / 2**30:.2f} GiB/s, joining {rate / 2**30:.2f} GiB/s "
                      f"({seconds:.2f} s in all)", flush=True)
            ratio = statistics.median(joined) / statistics.median(wire)
            print(f"medians: ucx_perftest {statistics.median(wire) / 2**30:.2f} GiB/s, joining "
                  f"{statistics.median(joined) / 2**30:.2f} GiB/s, ratio {ratio:.2f} (bar {BAR}): "
                  f"{'held' if ratio >= BAR else 'MISSED'}")
            sys.exit(ratio < BAR)
    finally:
        for process in started:
            process.kill()
            process.wait()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
