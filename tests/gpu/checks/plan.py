# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The steps in their order, how long each may take, and which of them a command line means."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Step:
    name: str
    deadline_seconds: int
    what: str

    @property
    def module(self):
        return "checks." + self.name.replace("-", "_")


STEPS = (
    Step("contracts", 180, "the tests of gpu/ that need a GPU"),
    Step("sink", 240, "whole updates into ckpt-sink, bit for bit"),
    Step("real-worker", 240, "whole updates into the published worker on torch, compared on the GPU"),
    Step("groups", 120, "tensors that an engine has to get in one call, through the published worker"),
    Step("resident", 300, "a node that stays: 20 updates, pauses, roll-back; an engine that joins"),
    Step("endurance", 540, "100 updates in a row: nothing grows"),
    Step("faults", 420, "a view that is kept, workers and nodes that are killed"),
    Step("nccl", 400, "two and four ranks that share the GPU through NCCL"),
    Step("sanitizer", 300, "compute-sanitizer's memcheck over an update"),
    Step("speed-warm", 480, "copies, whole updates and other loaders, from memory"),
    Step("speed-cold", 560, "whole updates and other loaders, from disk"),
)
NAMES = tuple(step.name for step in STEPS)
GROUPS = {"all": NAMES, "speed": ("speed-warm", "speed-cold"), "none": ()}


def select(words):
    """The steps that are meant, in their order; all of them without a word. Throws ValueError for an unknown one."""
    wanted = set()
    for word in words or ["all"]:
        if word in GROUPS:
            wanted.update(GROUPS[word])
        elif word in NAMES:
            wanted.add(word)
        else:
            raise ValueError(f"no step is called {word}; there are {', '.join(NAMES + tuple(GROUPS))}")
    return [step for step in STEPS if step.name in wanted]
