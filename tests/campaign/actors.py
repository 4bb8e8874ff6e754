# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The programs of a round: engines and nodes, each on its virtual host."""

import json
import time

from support.virtual_hosts import address

ENGINE_PORT = 19730
FOLLOWER_PORT = 19830
CONTROL_PORT = 29500
READY_SECONDS = 30


class Engine:
    """ckpt-sink of one host: an engine of its own, or the part of one that the engine has there."""

    def __init__(self, round_, host):
        self.round, self.host = round_, host
        self.report_file = round_.scratch / f"engine-{host}.json"
        self.log = round_.scratch / f"engine-{host}.log"
        self.process = None

    @property
    def leads(self):
        return self.host == 0 or not self.round.scenario.one_engine

    def start(self, faults=()):
        scenario = self.round.scenario
        command = [self.round.programs / "ckpt-sink", "--engine", scenario.engine, "--workers", scenario.workers,
                   "--verify", self.round.reference, "--report", self.report_file, "--timeout", 15,
                   "--worker-seconds-per-gib", scenario.seconds_per_gib, "--fault-updates", 1]
        for fault in faults:
            command += ["--fault", fault]
        if scenario.unforgiving:
            command.append("--unforgiving")
        if self.leads:
            command += ["--port", ENGINE_PORT]
            if scenario.one_engine:
                for host in range(1, scenario.hosts):
                    command += ["--follower", f"http://{address(host)}:{FOLLOWER_PORT}"]
        else:
            command += ["--host", address(self.host), "--port", FOLLOWER_PORT]
        self.process = self.round.hosts.start(self.host, command, self.log)
        until = time.monotonic() + READY_SECONDS
        while "ckpt-sink ready" not in self.log.read_text(errors="replace"):
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"ckpt-sink does not listen: {self.log.read_text(errors='replace')}")
            time.sleep(0.02)

    def is_alive(self):
        return self.process.poll() is None

    def end(self):
        if self.is_alive():
            self.process.kill()
        self.process.wait()

    def last_update(self):
        """Of the report; nothing before the first."""
        updates = json.loads(self.report_file.read_text())["updates"]
        return updates[-1] if updates else None


class Node:
    def __init__(self, round_, host):
        self.round, self.host = round_, host
        self.report_file = round_.scratch / f"node-{host}.json"
        self.log = round_.scratch / f"node-{host}.log"
        self.process = None

    def start(self, flags, hosts=None):
        scenario = self.round.scenario
        hosts = scenario.hosts if hosts is None else hosts
        workers = scenario.workers * (scenario.hosts if scenario.one_engine else 1)
        command = [self.round.programs / "ckpt-actor-node", "--engine", scenario.engine, "--checkpoint-path",
                   self.round.checkpoint, "--device", "host", "--inference-parallel-size", workers, "--devices",
                   scenario.workers, "--report", self.report_file, *flags]
        if self.host == 0 or not scenario.one_engine:
            command += ["--endpoint", f"http://127.0.0.1:{ENGINE_PORT}"]
        if scenario.version:
            command += ["--weight-version", scenario.version]
        if hosts > 1:
            command += ["--nnodes", hosts, "--node-rank", self.host, "--master-addr", address(0), "--master-port",
                        CONTROL_PORT, "--insecure-network"]
        self.report_file.unlink(missing_ok=True)
        self.process = self.round.hosts.start(self.host, command, self.log)

    def join(self, metas, flags):
        scenario = self.round.scenario
        command = [self.round.programs / "ckpt-actor-node", "--engine", scenario.engine, "--load-metas-file", metas, "--device",
                   "host", "--inference-parallel-size", scenario.workers, "--endpoint", f"http://127.0.0.1:{ENGINE_PORT}",
                   "--report", self.report_file, "--insecure-network", *flags]
        self.report_file.unlink(missing_ok=True)
        self.process = self.round.hosts.start(self.host, command, self.log)

    def output(self):
        return self.log.read_text(errors="replace")

    def report(self):
        return json.loads(self.report_file.read_text())
