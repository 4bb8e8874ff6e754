# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""A round in which the last host takes its weights from the memory of the others, whose files are gone by then."""

import shutil
import signal
import subprocess
import time

import faults
import judge
from support.virtual_hosts import address

# For sources to have made their own update, and for a join beyond its own deadlines.
SOURCES_SECONDS = 40
MARGIN_SECONDS = 45


def without(flags, *names):
    """The flags but those of these names, which have a value each."""
    return [flag for i, flag in enumerate(flags) if flag not in names and (i == 0 or flags[i - 1] not in names)]


class Joining:
    """What a round (campaign.Round) does instead of an update of all hosts."""

    def __init__(self, round_):
        self.round = round_
        *self.sources, self.joining = round_.nodes
        self.metas = round_.scratch / "metas.json"
        self.flags = without(round_.scenario.flags, "--bucket-size", "--chunk-size")

    def run(self):
        round_, fault = self.round, self.round.scenario.fault
        for engine in round_.engines:
            engine.start([fault.what] if fault.kind.endswith("engine") and fault.host == engine.host else [])
        self.start_sources()
        status = self.join(fault)
        if fault.kind == "node" and fault.what != "stop" and fault.host != self.joining.host:
            self.round.nodes[fault.host].process.wait(MARGIN_SECONDS)  # It may be about to end.
        judge.check_join(self, status)
        if any(source.process.poll() is not None for source in self.sources):
            self.end_sources()
            self.start_sources()
        if not round_.engines[-1].is_alive() or fault.kind == "fatal-engine":
            round_.engines[-1].end()
            round_.engines[-1].start()
        status = self.join(None, ["--timeout", 20, "--stay-time", 5])
        judge.check_next_join(self, status)

    def start_sources(self):
        shutil.rmtree(self.round.checkpoint, ignore_errors=True)
        shutil.copytree(self.round.reference, self.round.checkpoint)
        self.metas.unlink(missing_ok=True)
        flags = [*self.round.scenario.flags, "--timeout", 20, "--save-metas-file", self.metas, "--sleep-time", 600,
                 "--insecure-network"]
        for source in self.sources:
            source.start([*flags, "--peer-address", address(source.host)], len(self.sources))
        until = time.monotonic() + SOURCES_SECONDS
        while not self.metas.exists():
            if time.monotonic() > until or any(source.process.poll() is not None for source in self.sources):
                raise judge.Finding("the sources have not come to an offer")
            time.sleep(0.02)
        shutil.rmtree(self.round.checkpoint)

    def join(self, fault, more=()):
        flags = [*self.flags, *more]
        self.joining.join(self.metas, flags)
        if fault is not None:
            faults.strike(self.round, fault)
        seconds = sum(float(flags[len(flags) - 1 - flags[::-1].index(flag) + 1]) for flag in ("--timeout", "--stay-time"))
        try:
            return self.joining.process.wait(2 * seconds + MARGIN_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise judge.Finding("the host that joins hangs") from error

    def end_sources(self):
        for source in self.sources:
            if source.process.poll() is None:
                source.process.send_signal(signal.SIGTERM)
        for source in self.sources:
            try:
                source.process.wait(MARGIN_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise judge.Finding(f"source {source.host} hangs") from error
