# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What a round is made of, drawn by lot from its seed: the same seed gives the same round."""

import dataclasses
import random

# What a lying or failing engine does (ckpt-sink --fault). Those of the second list leave it unable to go on.
ENGINE_FAULTS = ("handle-error", "bucket-error:first", "bucket-error:middle", "bucket-error:last", "post-hook-raises",
                 "http-status:400", "http-status:500", "http-status-after:500", "http-status-after:502", "early-200",
                 "early-status:502", "early-status:504", "slow-connect:1", "slow-handle:1", "garbage-http",
                 "drop-connection:1", "no-pause-route", "wrong-version")
FATAL_ENGINE_FAULTS = ("die-at:connect", "die-at:handle", "die-at:first", "die-at:middle", "die-at:last", "die-at:post-hook",
                       "worker-dies:first", "worker-dies:middle", "worker-dies:last", "hang-at:connect", "hang-at:first",
                       "hang-at:last", "hang-at:post-hook", "never-start-workers")
NODE_FAULTS = ("kill", "terminate", "interrupt", "stop")
ENGINE_SIGNALS = ("kill", "stop")
FILE_FAULTS = ("rewritten", "truncated", "extended", "replaced", "removed", "touched")
STRANGERS = ("channel-silent", "channel-garbage", "channel-liar", "control-silent", "control-garbage")


@dataclasses.dataclass
class Fault:
    kind: str = "none"  # none, engine, fatal-engine, node, engine-signal, file, stranger, cable
    what: str = ""
    host: int = 0
    after: float = 0.0  # seconds from the start of the nodes
    lasts: float = 0.0  # of what comes to an end by itself


@dataclasses.dataclass
class Scenario:
    seed: int
    hosts: int
    workers: int  # of each engine, on each of its hosts
    one_engine: bool  # over all hosts, instead of one on each
    engine: str
    unforgiving: bool
    checkpoint: int  # which of those that there are
    in_memory: bool
    seconds_per_gib: float
    version: str
    flags: list
    fault: Fault
    joins: bool = False  # The last host takes its weights from the memory of the others.

    def describe(self):
        where = "one engine over all" if self.one_engine and self.hosts > 1 else "an engine on each"
        where += ", of which the last joins" if self.joins else ""
        fault = self.fault
        return (f"{self.hosts} host(s), {where}, {self.engine} of {self.workers} worker(s) a host"
                f"{', unforgiving' if self.unforgiving else ''}, checkpoint {self.checkpoint}"
                f"{' in memory' if self.in_memory else ''}, {' '.join(self.flags)}; fault: {fault.kind} {fault.what} "
                f"on host {fault.host} after {fault.after:.2f} s")


def draw_fault(dice, hosts, engine):
    kinds = ["none"] * 3 + ["engine"] * 4 + ["fatal-engine"] * 3 + ["node"] * 4 + ["engine-signal"] * 2 + ["file"] * 2
    kinds += ["stranger"] * 3 + (["cable"] * 3 if hosts > 1 else [])
    kind = dice.choice(kinds)
    fault = Fault(kind, host=dice.randrange(hosts), after=dice.uniform(0, 1.5), lasts=dice.choice((0.3, 1.0, 3.0, 7.0)))
    choices = {"engine": ENGINE_FAULTS, "fatal-engine": FATAL_ENGINE_FAULTS, "node": NODE_FAULTS,
               "engine-signal": ENGINE_SIGNALS, "file": FILE_FAULTS, "stranger": STRANGERS}
    if kind in choices:
        fault.what = dice.choice(choices[kind])
    if fault.what == "wrong-version" and engine != "sglang":
        fault.what = "handle-error"  # Only SGLang tells a version.
    return fault


def draw_joining_fault(dice, hosts):
    """Of a source, or of the host that joins, which is the last."""
    fault = Fault(dice.choice(["none"] + ["node"] * 6 + ["engine", "fatal-engine", "engine-signal", "cable"]),
                  host=dice.randrange(hosts), after=dice.uniform(0, 1.2), lasts=dice.choice((0.3, 1.0, 3.0, 7.0)))
    choices = {"engine": ENGINE_FAULTS[:7], "fatal-engine": FATAL_ENGINE_FAULTS, "node": NODE_FAULTS,
               "engine-signal": ENGINE_SIGNALS}
    if fault.kind in choices:
        fault.what = dice.choice(choices[fault.kind])
    if "engine" in fault.kind:
        fault.host = hosts - 1
    return fault


def draw_flags(dice, engine):
    flags = ["--timeout", str(dice.choice((3, 5, 8))), "--stay-time", str(dice.choice((2, 4)))]
    flags += ["--bucket-size", dice.choice(("4KiB", "64KiB", "1MiB", "4MiB", "64MiB"))]
    flags += ["--chunk-size", dice.choice(("4KiB", "64KiB", "1MiB", "4MiB")), "--host-memory", dice.choice(("8MiB", "64MiB"))]
    flags += ["--reads-in-flight", str(dice.choice((1, 4, 32)))]
    pauses = {"sglang": ("auto", "retract", "in_place", "abort", "none"), "vllm": ("auto", "keep", "wait", "abort", "none"),
              "lmdeploy": ("auto", "sleep")}
    return flags + ["--pause", dice.choice(pauses[engine])]


def draw(seed, checkpoints):
    dice = random.Random(seed)
    hosts = dice.choice((1, 1, 1, 2, 2, 3, 4))
    engine = dice.choice(("sglang", "sglang", "vllm", "lmdeploy"))
    drawn = Scenario(seed=seed, hosts=hosts, workers=dice.choice((1, 1, 2, 4)), one_engine=dice.random() < 0.3,
                    engine=engine, unforgiving=dice.random() < 0.5, checkpoint=dice.randrange(checkpoints),
                    in_memory=dice.random() < 0.3, seconds_per_gib=dice.choice((0, 20, 60)),
                    version=dice.choice(("", f"v{seed}")), flags=draw_flags(dice, engine),
                    fault=draw_fault(dice, hosts, engine))
    others = random.Random(f"joins {seed}")
    drawn.joins = hosts > 1 and not drawn.one_engine and others.random() < 0.4
    if drawn.joins:
        drawn.fault = draw_joining_fault(others, hosts)
    return drawn
