# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Contenders that take turns, in alternating order: whatever a machine does meanwhile meets all of them alike."""

import time
import traceback

from checks.results import CheckFailed, NotRun, median

ROUNDS = 5
ROUNDS_LEAST = 3  # fewer give no median worth telling


class Contender:
    """`run` gives the figures of one round as a dict with "seconds"; `prepare` comes before it and is not measured."""

    def __init__(self, name, run, prepare=lambda: None):
        self.name = name
        self.run = run
        self.prepare = prepare
        self.figures = []
        self.failure = ""  # why it is out

    def take_turn(self):
        if self.failure:
            return
        try:
            self.prepare()
            self.figures.append(self.run())
        except Exception as error:  # the others go on
            traceback.print_exc()
            self.failure = f"{type(error).__name__}: {error}"

    def require(self):
        """CheckFailed when it broke off, NotRun when there was no time for enough rounds."""
        if self.failure:
            raise CheckFailed(f"{self.name}: {self.failure}")
        if len(self.figures) < ROUNDS_LEAST:
            raise NotRun(f"{self.name}: there was time for {len(self.figures)} rounds only")

    def median(self, key="seconds"):
        self.require()
        return median(figures[key] for figures in self.figures)

    def rounds_text(self):
        return "rounds: " + " ".join(f"{figures['seconds']:.2f}" for figures in self.figures) + " s"


def alternate(contenders, ends_at, rounds=ROUNDS, clock=time.monotonic):
    """Lets all take turns; begins no round that would, by the longest so far, last longer than `ends_at`."""
    longest = 0
    for number in range(rounds):
        start = clock()
        if start + longest > ends_at:
            print(f"no time for round {number + 1}")
            break
        for each in contenders if number % 2 == 0 else reversed(contenders):
            each.take_turn()
        longest = max(longest, clock() - start)
