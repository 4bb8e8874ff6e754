# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""compute-sanitizer's memcheck over a node that does a small update, and over the engine's worker, which alone runs a
kernel of ours."""

import re

from checks import checkpoints, machine
from checks.processes import END_SECONDS, Node, Sink
from checks.results import CheckFailed, NotRun

SIZE = "64MiB"
UPDATE_SECONDS = 200
FOUND_STATUS = 99  # what the sanitizer turns a program's status into when it has found something

# What the tool says where it cannot work at all.
UNSUPPORTED = ("not supported", "unsupported", "unable to find injection", "internal sanitizer error",
               "failed to initialize")


def errors_found(output):
    """The sum of the tool's summaries, one or more for each process, or None without one."""
    found = re.findall(r"ERROR SUMMARY: (\d+) error", output)
    return sum(map(int, found)) if found else None


def why_unsupported(output):
    """The tool's own word that it cannot work here; what it says of a call that the program made is none."""
    for line in output.splitlines():
        if line.startswith("=========") and "Program hit" not in line and any(words in line.lower()
                                                                             for words in UNSUPPORTED):
            return line.lstrip("= ")
    return ""


def count_errors(program, status):
    """What the tool counted in a program that ended with `status`, which tells the same."""
    errors = errors_found(program.output())
    print(program.output())
    if errors is None and (why := why_unsupported(program.output())):
        raise NotRun(f"not supported on this machine: {why}")
    if errors is None or status != (FOUND_STATUS if errors else 0):
        raise CheckFailed(f"exit status {status}, {errors} errors: {program.last_words(20)}")
    return errors


def run(place, recorder):
    name = "memcheck over an update of 64 MiB"
    with recorder.attempt(name):
        if not place.on_gpu:
            raise NotRun("no GPU")
        tool = machine.tool("compute-sanitizer")
        if not tool:
            raise NotRun("compute-sanitizer is not installed")
        checkpoint = checkpoints.synthetic(place, SIZE)
        # A copy that is not done yet, and functions that an older driver lacks, are errors of calls by CUDA's count:
        # the programs look at the status of every call themselves.
        prefix = [tool, "--tool", "memcheck", "--target-processes", "all", "--report-api-errors", "no",
                  "--error-exitcode", FOUND_STATUS]
        with Sink(place, "--verify", checkpoint, "--updates", 1, prefix=prefix) as sink:
            with Node(place, checkpoint, sink.url, "--timeout", UPDATE_SECONDS / 2, prefix=prefix) as node:
                errors = count_errors(node, node.wait(UPDATE_SECONDS))
            errors += count_errors(sink, sink.wait(END_SECONDS))
        recorder.bar(name, errors, "<=", 0, "errors", "in both programs, and the update is verified bit for bit")
