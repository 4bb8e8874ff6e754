#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Measures how fast weights go from one host to another, against ucx_perftest between the same two: by a broadcast, and
from the memory of a host to one that joins.

Makes two virtual hosts on this machine (support/virtual-hosts.sh), linked by veth, with TCP. ucx_perftest (tag_bw, 4 MiB),
a broadcast of fabric_probe, and a host that joins take turns. Prints the medians and their ratios. Needs root and
ucx-utils. Ends with 1 when a bar is missed.

    tests/cluster/network_rate.py --build build
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "apps" / "bench")]
from rounds import Contender, alternate, holds  # noqa: E402
from support.virtual_hosts import address, hosts_with_engines, wait_for  # noqa: E402

BAR = 0.9  # of the rate of ucx_perftest, at least
PORT = 19730
PERFTEST_PORT = ":13337"
PERFTEST = ["ucx_perftest", "-t", "tag_bw", "-s", str(4 << 20), "-n", "1000", "-w", "50"]


def node(options, *flags):
    return [options.build / "apps/ckpt-actor-node", "--device", "host", "--inference-parallel-size", 1, "--endpoint",
            f"http://127.0.0.1:{PORT}", "--insecure-network", *flags]


def start_source(hosts, options, scratch):
    metas = scratch / "metas.json"
    flags = ["--checkpoint-path", options.checkpoint, "--save-metas-file", metas, "--sleep-time", 3600, "--peer-address",
             address(0)]
    source = hosts.start(0, node(options, *flags), scratch / "source.log")
    wait_for(metas.exists, "the source's offer")
    return source, metas


def joining(hosts, options, scratch, metas):
    report, log = scratch / "report.json", scratch / "joining.log"
    host = hosts.start(1, node(options, "--load-metas-file", metas, "--report", report), log)
    if host.wait(300) != 0:
        sys.exit(f"the host that joins failed:\n{log.read_text()}")
    written = json.loads(report.read_text())
    disk = written["stages"]["disk"]
    return {"seconds": written["seconds"], "rate": disk["bytes"] / disk["busy_seconds"]}


def perftest(hosts, scratch):
    log = scratch / "perftest.log"
    server = hosts.start(0, PERFTEST, scratch / "perftest-server.log")
    wait_for(lambda: PERFTEST_PORT in subprocess.check_output(hosts.command(0, ["ss", "-ltn"]), text=True), "ucx_perftest")
    start = time.monotonic()
    if hosts.start(1, [*PERFTEST[:1], address(0), *PERFTEST[1:]], log).wait(120) != 0 or server.wait(60) != 0:
        sys.exit(f"ucx_perftest failed:\n{log.read_text()}")
    final = next(line for line in log.read_text().splitlines() if line.startswith("Final:"))
    # The average of the whole run, in MiB/s.
    return {"seconds": time.monotonic() - start, "rate": float(final.split()[6]) * (1 << 20)}


def broadcast(hosts, options, scratch):
    log = scratch / "probe-0.log"
    with tempfile.TemporaryDirectory(dir=scratch) as addresses:
        start = time.monotonic()
        probes = [hosts.start(host, [options.build / "tests/cluster/fabric_probe", "--directory", addresses, "--host", host,
                                     *options.probe], scratch / f"probe-{host}.log") for host in range(2)]
        if [probe.wait(120) for probe in probes] != [0, 0]:
            sys.exit(f"fabric_probe failed:\n{log.read_text()}")
    return {"seconds": time.monotonic() - start, "rate": float(log.read_text())}


def contender(name, run):
    def round_of():
        figures = run()
        print(f"{name}: {figures['rate'] / 2**30:.2f} GiB/s ({figures['seconds']:.2f} s in all)", flush=True)
        return figures

    return Contender(name, round_of)


def summarize(wire, *others):
    """True when every bar is held."""
    print(f"medians: {wire.name} {wire.median('rate') / 2**30:.2f} GiB/s")
    good = True
    for each in others:
        ratio = each.median("rate") / wire.median("rate")
        good = good and holds(ratio, ">=", BAR)
        print(f"medians: {each.name} {each.median('rate') / 2**30:.2f} GiB/s, ratio {ratio:.2f} (bar {BAR}): "
              f"{'held' if holds(ratio, '>=', BAR) else 'MISSED'}")
    return good


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--size", default="2GiB", help="of the checkpoint")
    parser.add_argument("--rounds", type=int, default=5)
    options, options.probe = parser.parse_known_args()  # The rest is fabric_probe's.
    return options


def main():
    options = parse_arguments()
    os.environ["UCX_TLS"] = "tcp"  # It is one machine: UCX would find shared memory.
    with hosts_with_engines(2, options.build / "apps", options.build, options.size, PORT) as (hosts, scratch, started):
        options.checkpoint = scratch / "checkpoint"
        source, metas = start_source(hosts, options, scratch)
        started.append(source)
        contenders = alternate([contender("ucx_perftest", lambda: perftest(hosts, scratch)),
                                contender("broadcast", lambda: broadcast(hosts, options, scratch)),
                                contender("joining", lambda: joining(hosts, options, scratch, metas))],
                               rounds=options.rounds)
    sys.exit(not summarize(*contenders))


if __name__ == "__main__":
    main()
