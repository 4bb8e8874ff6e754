# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""compute-sanitizer's memcheck over a node that does a small update."""

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
    """The number in the tool's summary, or None without one."""
    found = re.findall(r"ERROR SUMMARY: (\d+) error", output)
    return int(found[-1]) if found else None


def why_unsupported(output):
    for line in output.splitlines():
        if line.startswith("=========") and any(words in line.lower() for words in UNSUPPORTED):
            return line.lstrip("= ")
    return ""


def run(place, recorder):
    name = "memcheck over an update of 64 MiB"
    with recorder.attempt(name):
        if not place.on_gpu:
            raise NotRun("no GPU")
        tool = machine.tool("compute-sanitizer")
        if not tool:
            raise NotRun("compute-sanitizer is not installed")
        checkpoint = checkpoints.synthetic(place, SIZE)
        prefix = [tool, "--tool", "memcheck", "--error-exitcode", FOUND_STATUS]
        with Sink(place, "--verify", checkpoint, "--updates", 1) as sink:
            with Node(place, checkpoint, sink.url, "--timeout", UPDATE_SECONDS / 2, prefix=prefix) as node:
                status = node.wait(UPDATE_SECONDS)
                errors = errors_found(node.output())
                print(node.output())
                if why := why_unsupported(node.output()):
                    raise NotRun(f"not supported on this machine: {why}")
                if status != 0 or errors is None:
                    raise CheckFailed(f"exit status {status}, {errors} errors: {node.last_words(20)}")
            if sink.wait(END_SECONDS) != 0:
                raise CheckFailed(sink.last_words())
        recorder.bar(name, errors, "<=", 0, "errors", "and the update is verified bit for bit")
