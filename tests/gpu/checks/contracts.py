# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The tests of gpu/ that skip themselves where there is no GPU: here they have to run."""

import json
import pathlib

from checks.processes import Program
from checks.reports import gtest_outcomes
from checks.results import CheckFailed, NotRun

FILTER = "cuda*:pinned_memory*:nccl*:*/cuda*:*/nccl*"
WITHOUT_A_GPU = "that_is_not_there"  # in the name of tests that hold where there is none
SECONDS = 150


def libraries(place):
    """The test program finds the archive's libraries through this; the other programs know where they are."""
    beside = pathlib.Path(place.programs).parent / "lib"
    others = place.environment().get("LD_LIBRARY_PATH", "")
    folders = ([str(beside)] if beside.is_dir() else []) + ([others] if others else [])
    return {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}


def run(place, recorder):
    with recorder.attempt("tests of gpu/"):
        report = place.in_work("gtest.json")
        command = [place.gpu_tests, f"--gtest_filter={FILTER}", f"--gtest_output=json:{report}"]
        with Program(place, command, "gpu_tests", **libraries(place)) as tests:
            status = tests.wait(SECONDS)
            print(tests.output())
            if not report.exists():
                raise CheckFailed(f"ended with {status} and no report: {tests.last_words()}")
        outcomes = gtest_outcomes(json.loads(report.read_text(encoding="utf-8")))
        named = {kind: [name for name, seen in outcomes.items() if seen == kind] for kind in
                 ("PASSED", "SKIPPED", "FAILED")}
        on_gpu = [name for name in named["PASSED"] if WITHOUT_A_GPU not in name]
        if status != 0 or named["FAILED"]:
            raise CheckFailed(f"ended with {status}; failed: {', '.join(named['FAILED']) or 'none'}")
        if not on_gpu:
            kind = CheckFailed if place.on_gpu else NotRun
            raise kind(f"nothing ran on a GPU; skipped: {', '.join(named['SKIPPED'])}")
        recorder.ok("tests of gpu/", f"{len(on_gpu)} passed", note=f"skipped: {', '.join(named['SKIPPED']) or 'none'}")
