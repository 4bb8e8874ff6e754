# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The tests of gpu/ that need a GPU: here they have to run."""

import json
import pathlib

from checks.processes import Program
from checks.reports import gtest_outcomes
from checks.results import CheckFailed, NotRun

SKIPPED = 77  # the program's exit status where there is no GPU
SECONDS = 150

# Two processes on one GPU, which pass for hosts: the other one sets an NCCL_HOSTID of its own.
TWO_HOSTS = {"NCCL_HOSTID": "0", "NCCL_P2P_DISABLE": 1, "NCCL_SHM_DISABLE": 1, "NCCL_IB_DISABLE": 1,
             "NCCL_NET": "Socket", "NCCL_SOCKET_IFNAME": "lo", "NCCL_NVLS_ENABLE": 0, "NCCL_DEBUG": "WARN"}


def libraries(place):
    """The test program finds the archive's libraries through this; the other programs know where they are."""
    beside = pathlib.Path(place.programs).parent / "lib"
    others = place.environment().get("LD_LIBRARY_PATH", "")
    folders = ([str(beside)] if beside.is_dir() else []) + ([others] if others else [])
    return {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}


def run(place, recorder):
    with recorder.attempt("tests of gpu/"):
        report = place.in_work("gtest.json")
        command = [place.cuda_tests, f"--gtest_output=json:{report}"]
        with Program(place, command, "cuda_tests", **libraries(place), **TWO_HOSTS) as tests:
            status = tests.wait(SECONDS)
            print(tests.output())
            if status == SKIPPED:
                raise (CheckFailed if place.on_gpu else NotRun)(tests.last_words())
            if not report.exists():
                raise CheckFailed(f"ended with {status} and no report: {tests.last_words()}")
        outcomes = gtest_outcomes(json.loads(report.read_text(encoding="utf-8")))
        named = {kind: [name for name, seen in outcomes.items() if seen == kind] for kind in
                 ("PASSED", "SKIPPED", "FAILED")}
        if status != 0 or named["FAILED"]:
            raise CheckFailed(f"ended with {status}; failed: {', '.join(named['FAILED']) or 'none'}")
        if not named["PASSED"]:
            raise CheckFailed(f"nothing ran; skipped: {', '.join(named['SKIPPED'])}")
        recorder.ok("tests of gpu/", f"{len(named['PASSED'])} passed",
                    note=f"skipped: {', '.join(named['SKIPPED']) or 'none'}")
