#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""A resident node over three hosts, of which something is killed at random moments of its updates.

Each round publishes a version, kills -9 a node, host 0's node or an engine meanwhile, and checks that
the update ends in time, that what is said is so, and that no engine which still answers is left with a mix. What was
killed is started again, and the next version must reach every engine. Needs root (network namespaces).

    python3 tests/campaign/resident.py --rounds 300
"""

import argparse
import collections
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from support.virtual_hosts import VirtualHosts, address, can_be_made  # noqa: E402

HOSTS = 3
ENGINE_PORT = 19730
READY_SECONDS = 30
# Beyond --timeout and --stay-time of two runs: the update and its roll-back.
UPDATE_SECONDS = 90
# From the publication to beyond the end of an update.
MOMENT_SECONDS_MAX = 1.6


class Finding(Exception):
    """What must not be."""


def eventually(what, is_so, seconds=READY_SECONDS):
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise Finding(f"{what}: not within {seconds} s")
        time.sleep(0.05)


class Cluster:
    def __init__(self, hosts, options):
        self.hosts, self.programs, self.scratch = hosts, options.programs, options.scratch
        self.checkpoint = self.scratch / "checkpoint"
        self.engines = [None] * HOSTS
        self.nodes = [None] * HOSTS
        self.versions = 0

    def start_engine(self, host):
        log = self.scratch / f"engine-{host}.log"
        self.engines[host] = self.hosts.start(
            host, [self.programs / "ckpt-sink", "--workers", 2, "--verify", self.checkpoint, "--readiness", "serving",
                   "--port", ENGINE_PORT, "--timeout", 15, "--report", self.report(host), "--worker-seconds-per-gib", 20],
            log)
        eventually(f"engine {host} listens", lambda: "ckpt-sink ready" in log.read_text(errors="replace"))

    def report(self, host):
        return self.scratch / f"engine-{host}.json"

    def start_node(self, host):
        log = self.scratch / f"node-{host}.log"
        with open(log, "ab") as output:
            self.nodes[host] = subprocess.Popen(
                self.hosts.command(host, [
                    self.programs / "ckpt-actor-node", "serve", "--device", "host", "--inference-parallel-size", 2,
                    "--endpoint", f"http://127.0.0.1:{ENGINE_PORT}", "--nnodes", HOSTS, "--node-rank", host,
                    "--master-addr", address(0), "--insecure-network", "--timeout", 15, "--stay-time", 3,
                    "--host-timeout", 4, "--bucket-size", "4MiB", "--chunk-size", "1MiB", "--host-memory", "8MiB",
                    "--resident-memory", "300MiB", "--on-failure", "rollback", "--listen", f"unix:{self.socket(host)}"]),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)

    def socket(self, host):
        return self.scratch / f"node-{host}.sock"

    def ask(self, host, *command, seconds=READY_SECONDS):
        """The exit status, and the answer or nothing."""
        try:
            done = subprocess.run([str(word) for word in (self.programs / "ckpt-actor-node", *command, "--node",
                                                          f"unix:{self.socket(host)}")],
                                  capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as error:
            raise Finding(f"{command[0]} at host {host} hangs") from error
        try:
            return done.returncode, json.loads(done.stdout)
        except json.JSONDecodeError:
            return done.returncode, None

    def all_are_here(self):
        _, answer = self.ask(0, "hosts")
        return answer is not None and all(host["here"] for host in answer)

    def publish(self, host, *more, seconds=READY_SECONDS):
        self.versions += 1
        version = f"step-{self.versions}"
        return version, *self.ask(host, "publish", self.checkpoint, "--version", version, *more, seconds=seconds)

    def last_update(self, host):
        updates = json.loads(self.report(host).read_text())["updates"]
        return updates[-1] if updates else None

    def serves_whole(self, host):
        update = self.last_update(host)
        return update is None or (update["success"] and update.get("verified") is True)

    def check_served(self, version):
        for host in range(HOSTS):
            update = self.last_update(host)
            if not update or not self.serves_whole(host) or update["weight_version"] != version:
                raise Finding(f"engine {host} does not serve {version}, but {update}")

    def kill(self, what, host):
        process = (self.nodes if what == "node" else self.engines)[host]
        process.kill()
        process.wait()

    def mend(self, what, host):
        if what == "node":
            self.start_node(host)
        else:
            self.start_engine(host)

    def end(self):
        for process in self.nodes:
            if process and process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in (*self.nodes, *self.engines):
            if process and process.poll() is None:
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()


def run_round(cluster, draw):
    what = draw.choice(("node", "node", "engine"))
    victim = draw.randrange(HOSTS)
    asked = draw.randrange(HOSTS)
    before = cluster.last_update(0)["weight_version"]
    version, status, answer = cluster.publish(asked)
    if status != 0:
        raise Finding(f"publish at host {asked}: exit status {status}")
    time.sleep(draw.uniform(0, MOMENT_SECONDS_MAX))
    cluster.kill(what, victim)
    if (what, victim) != ("node", 0):
        status, answer = cluster.ask(0, "status", answer["id"], "--wait", seconds=UPDATE_SECONDS)
        if answer is None or not answer["over"]:
            raise Finding(f"the update has no end: {status}, {answer}")
        judge(cluster, victim, before, version, answer)
    cluster.mend(what, victim)
    eventually("all hosts are here", cluster.all_are_here)
    version, status, answer = cluster.publish(draw.randrange(HOSTS), "--wait", seconds=UPDATE_SECONDS)
    if status != 0:
        raise Finding(f"the next update fails: {status}, {answer}")
    cluster.check_served(version)
    return f"{what} of host 0" if (what, victim) == ("node", 0) else what


def judge(cluster, victim, before, version, answer):
    spared = [host for host in range(HOSTS) if host != victim]
    mixed = [host for host in spared if not cluster.serves_whole(host)]
    if mixed:
        raise Finding(f"engines {mixed} are left with a mix: {json.dumps(answer)[:2000]}")
    if answer["state"] == "updated":
        wrong = [host for host in spared if cluster.last_update(host)["weight_version"] != version]
        if wrong:
            raise Finding(f"updated, but engines {wrong} do not serve {version}")
        return
    rollback = (answer["report"] or {}).get("rollback", {"outcome": "unneeded"})
    if rollback["outcome"] not in ("updated", "unneeded"):
        raise Finding(f"there was no roll-back: {json.dumps(answer)[:2000]}")
    wrong = [host for host in spared if cluster.last_update(host)["weight_version"] != before]
    if wrong:
        raise Finding(f"failed, and engines {wrong} do not serve {before} again: {json.dumps(answer)[:2000]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=pathlib.Path, default=pathlib.Path("build/apps"))
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    options = parser.parse_args()
    if not can_be_made():
        sys.exit(1)
    options.programs = options.programs.resolve()
    options.scratch = pathlib.Path(tempfile.mkdtemp(prefix="resident-", dir=options.scratch.resolve()))
    print(f"seed {options.seed}, files in {options.scratch}", flush=True)
    draw, drawn, start = random.Random(options.seed), collections.Counter(), time.monotonic()
    with VirtualHosts(HOSTS) as hosts:
        cluster = Cluster(hosts, options)
        subprocess.run([options.programs / "ckpt-bench", "write", "--path", cluster.checkpoint, "--size", "24MiB",
                        "--shards", "3"], check=True, stdout=subprocess.DEVNULL)
        done = 0
        try:
            for host in range(HOSTS):
                cluster.start_engine(host)
                cluster.start_node(host)
            eventually("the nodes answer", cluster.all_are_here)
            version, status, answer = cluster.publish(0, "--wait", seconds=UPDATE_SECONDS)
            if status != 0:
                raise Finding(f"the first update fails: {answer}")
            cluster.check_served(version)
            while done < options.rounds:
                drawn[run_round(cluster, draw)] += 1
                done += 1
                if done % 20 == 0:
                    print(f"{done} rounds, {time.monotonic() - start:.0f} s", flush=True)
        except Finding as finding:
            print(f"FINDING in round {done + 1}: {finding}\nits files: {options.scratch}")
            for log in sorted(options.scratch.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}")
        finally:
            cluster.end()
    print(f"killed: {json.dumps(dict(sorted(drawn.items())))}")
    print(f"{done} passed, {int(done < options.rounds)} failed")
    sys.exit(int(done < options.rounds))


if __name__ == "__main__":
    main()
