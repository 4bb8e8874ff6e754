# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Rounds of updates to which something is done: hosts, engines, files, networks, strangers, by lot.

Each round makes virtual hosts, engines (ckpt-sink, which compares every byte) and nodes, does one thing to them at one
moment, and checks the verdict, what is left behind, and that the next run succeeds. A round that fails prints its seed,
which repeats it. Needs root (network namespaces).

    tests/campaign/run.sh                     5 minutes of rounds, with seeds of their own
    tests/campaign/run.sh --rounds 2000       a night's
    tests/campaign/run.sh --seed 4711         one round again, with its logs
"""

import argparse
import collections
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import faults  # noqa: E402
import joining  # noqa: E402
import judge  # noqa: E402
import scenario as scenarios  # noqa: E402
from actors import Engine, Node  # noqa: E402
from support.virtual_hosts import VirtualHosts, can_be_made  # noqa: E402

HOSTS_MAX = 4
# Options of ckpt-bench write: shapes that are unlike each other.
CHECKPOINTS = (("--size", "24MiB", "--shards", "3", "--edge-cases"), ("--size", "1MiB", "--shards", "1"),
               ("--tensors", "1500", "--tensor-size-min", "4", "--tensor-size-max", "64", "--shards", "5"),
               ("--size", "40MiB", "--shards", "2", "--tensor-size-max", "16MiB"))
# Beyond --timeout and --stay-time: hosts that are lost, goodbyes, a machine that is busy.
MARGIN_SECONDS = 45


class Round:
    """One round: its scenario, and what takes part in it."""

    def __init__(self, scenario, hosts, options, scratch):
        self.scenario, self.hosts, self.programs, self.scratch = scenario, hosts, options.programs, scratch
        self.reference = options.pool / str(scenario.checkpoint)
        self.memory = pathlib.Path(tempfile.mkdtemp(prefix="ckpt-campaign-", dir="/dev/shm"))
        self.checkpoint = (self.memory if scenario.in_memory else scratch) / "checkpoint"
        self.engines = [Engine(self, host) for host in range(scenario.hosts)]
        self.nodes = [Node(self, host) for host in range(scenario.hosts)]

    def run(self):
        if self.scenario.joins:
            joining.Joining(self).run()
            return
        shutil.copytree(self.reference, self.checkpoint)
        for engine in reversed(self.engines):  # Followers first.
            fault = self.scenario.fault
            engine.start([fault.what] if fault.kind.endswith("engine") and fault.host == engine.host else [])
        statuses = self.update(self.scenario.fault)
        judge.check_statuses(self, statuses)
        judge.check_reports(self, statuses)
        judge.check_nothing_left(self, [host for host, status in enumerate(statuses) if status < 0])
        self.repair()
        judge.check_next_run(self, self.update(scenarios.Fault(), ["--timeout", 20, "--stay-time", 5]))

    def update(self, fault, more=()):
        for node in self.nodes:
            node.start([*self.scenario.flags, *more])
        faults.strike(self, fault)
        flags = self.scenario.flags
        seconds = sum(float(flags[flags.index(flag) + 1]) for flag in ("--timeout", "--stay-time"))
        until = time.monotonic() + 2 * seconds + MARGIN_SECONDS
        statuses = []
        for node in self.nodes:
            try:
                statuses.append(node.process.wait(max(0.1, until - time.monotonic())))
            except subprocess.TimeoutExpired as error:
                raise judge.Finding(f"host {node.host} hangs") from error
        return statuses

    def repair(self):
        """What only a person can mend: files, and engines that are gone or beyond help."""
        if self.scenario.fault.kind == "file":
            shutil.rmtree(self.checkpoint)
            shutil.copytree(self.reference, self.checkpoint)
        dead = [engine for engine in self.engines if not engine.is_alive()]
        if dead or self.scenario.fault.kind == "fatal-engine":
            for engine in reversed(self.engines):
                engine.end()
                engine.start()

    def end(self):
        for part in (*self.nodes, *self.engines):
            if part.process is not None and part.process.poll() is None:
                part.process.kill()
                part.process.wait()
        shutil.rmtree(self.memory, ignore_errors=True)


def run_round(seed, hosts, options):
    """The finding as text, or nothing; and the scenario."""
    scenario = scenarios.draw(seed, len(CHECKPOINTS))
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=f"round-{seed}-", dir=options.work))
    round_ = Round(scenario, hosts, options, scratch)
    finding = None
    try:
        round_.run()
    except judge.Finding as error:
        finding = str(error)
    except Exception:  # A round that cannot be judged is a finding, too.
        finding = traceback.format_exc()
    finally:
        round_.end()
    if finding is None and options.seed is None:
        shutil.rmtree(scratch)
    return finding, scenario, scratch


def tell_finding(finding, scenario, scratch):
    print(f"\nFINDING, seed {scenario.seed}: {finding}\n  {scenario.describe()}")
    for log in sorted(scratch.glob("*.log")):
        print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
    print(f"  its files: {scratch}; again: tests/campaign/run.sh --seed {scenario.seed}", flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=pathlib.Path, default=pathlib.Path("build/apps"))
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--rounds", type=int, help="instead of --minutes")
    parser.add_argument("--seed", type=int, help="repeat this round alone")
    parser.add_argument("--first-seed", type=int, help="seeds count from here [drawn by lot]")
    return parser.parse_args()


def main():
    options = parse_arguments()
    if not can_be_made():
        sys.exit(1)
    options.programs = options.programs.resolve()
    options.work = pathlib.Path(tempfile.mkdtemp(prefix="campaign-", dir=options.scratch.resolve()))
    options.pool = options.work / "checkpoints"
    for number, shape in enumerate(CHECKPOINTS):
        subprocess.run([options.programs / "ckpt-bench", "write", "--path", options.pool / str(number), "--seed",
                        str(number), *shape], check=True, stdout=subprocess.DEVNULL)
    seed = options.seed if options.seed is not None else options.first_seed
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    print(f"seeds from {seed}", flush=True)
    drawn, findings, start = collections.Counter(), 0, time.monotonic()
    wanted = 1 if options.seed is not None else options.rounds
    done = 0
    with VirtualHosts(HOSTS_MAX) as hosts:
        while done < wanted if wanted else time.monotonic() - start < options.minutes * 60:
            finding, scenario, scratch = run_round(seed + done, hosts, options)
            done += 1
            what = "join: " if scenario.joins else ""
            drawn[f"{what}{scenario.fault.kind} {scenario.fault.what}".strip()] += 1
            if finding or options.seed is not None:
                tell_finding(finding, scenario, scratch)
            findings += finding is not None
            if done % 20 == 0:
                print(f"{done} rounds, {findings} finding(s), {time.monotonic() - start:.0f} s", flush=True)
    print("drawn: " + json.dumps(dict(sorted(drawn.items()))))
    if not findings and options.seed is None:
        shutil.rmtree(options.work)
    print(f"{done - findings} passed, {findings} failed")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
