# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Contenders that take turns, medians and bars: what every comparison is made of, those of ckpt-bench and those of tests."""

import statistics
import time
import traceback

ROUNDS = 5
ROUNDS_LEAST = 3  # fewer give no median worth telling, unless fewer are asked for


class CheckFailed(Exception):
    """What was checked does not hold; says what was seen instead."""


class NotRun(Exception):
    """The check cannot be made on this machine; says why."""


def holds(value, relation, limit):
    if relation not in ("<=", ">="):
        raise ValueError(f"no such relation: {relation}")
    return value <= limit if relation == "<=" else value >= limit


def median(values):
    """A median needs something to be the median of: without it the check fails, whatever the bar."""
    values = list(values)
    if not values:
        raise CheckFailed("nothing was measured")
    return statistics.median(values)


class Contender:
    """`run` gives the figures of one round as a dict with "seconds"; `prepare` comes before it and is not measured."""

    def __init__(self, name, run, prepare=lambda: None):
        self.name = name
        self.run = run
        self.prepare = prepare
        self.figures = []
        self.failure = ""  # why it is out
        self.rounds_least = ROUNDS_LEAST

    def take_turn(self):
        if self.failure:
            return
        try:
            self.prepare()
            self.figures.append(self.run())
        except Exception as error:  # the others go on
            if not isinstance(error, CheckFailed):
                traceback.print_exc()
            self.failure = f"{type(error).__name__}: {error}"

    def require(self):
        """CheckFailed when it broke off, NotRun when there was no time for enough rounds."""
        if self.failure:
            raise CheckFailed(f"{self.name}: {self.failure}")
        if len(self.figures) < self.rounds_least:
            raise NotRun(f"{self.name}: there was time for {len(self.figures)} rounds only")

    def median(self, key="seconds"):
        """Of the figures under `key`, or of what this function makes of those of each round."""
        self.require()
        return median(key(figures) if callable(key) else figures[key] for figures in self.figures)

    def rounds_text(self):
        return "rounds: " + " ".join(f"{figures['seconds']:.2f}" for figures in self.figures) + " s"


def alternate(contenders, ends_at=float("inf"), rounds=ROUNDS, clock=time.monotonic):
    """Lets all take turns, in reversed order every other round: whatever a machine does meanwhile meets all of them alike.
    Begins no round that would, by the longest so far, last longer than `ends_at`. Returns the contenders."""
    longest = 0
    for each in contenders:
        each.rounds_least = min(ROUNDS_LEAST, rounds)
    for number in range(rounds):
        start = clock()
        if start + longest > ends_at:
            print(f"no time for round {number + 1}")
            break
        for each in contenders if number % 2 == 0 else reversed(contenders):
            each.take_turn()
        longest = max(longest, clock() - start)
    return contenders
