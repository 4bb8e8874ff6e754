# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Runs a step as a process group with a deadline: a step that hangs or crashes is a failure like any other, and nothing
of it is there when the next one starts."""

import contextlib
import datetime
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from checks.results import FAILED, NOT_RUN, check_record, outcome_of, read_records

TAIL_LINES = 40
TAIL_LINE_MAX = 400
CLEAN_UP_SECONDS = 20
LEAST_SECONDS = 30  # with less than this left, a step is not begun


def tail_of(path, lines=TAIL_LINES):
    with contextlib.suppress(FileNotFoundError):
        text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
        return [line[:TAIL_LINE_MAX] for line in text.splitlines()[-lines:]]
    return []


def has_ended(process):
    """Without collecting it: as long as it is a zombie, the number of its group is nobody else's."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def wait_until_ended(process, seconds):
    until = time.monotonic() + seconds
    while not has_ended(process) and time.monotonic() < until:
        time.sleep(0.05)
    return has_ended(process)


def end_group(process):
    """Ends the step, which may clean up, and then whatever it has started and left."""
    if not has_ended(process):
        os.kill(process.pid, signal.SIGTERM)
        wait_until_ended(process, CLEAN_UP_SECONDS)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run_process(command, log, seconds, environment):
    """Runs `command` with its output in `log`. Returns what is wrong with how it ended, or an empty text."""
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                   env=environment, process_group=0)
    try:
        in_time = wait_until_ended(process, seconds)
    finally:
        end_group(process)
    status = process.returncode
    if not in_time:
        return f"did not end within {seconds:.0f} s"
    if status < 0:
        return f"was ended by signal {-status}"
    return f"ended with status {status}" if status != 0 else ""


def run_step(step, place, machine, commit, seconds_left):
    """Runs `step`; returns what results.json keeps of it, and everything that it printed."""
    began = datetime.datetime.now(datetime.timezone.utc)
    report = {"started": began.strftime("%Y-%m-%d %H:%M:%S UTC"), "seconds": 0, "outcome": NOT_RUN, "checks": [],
              "tail": [], "machine": machine, "commit": commit}
    if seconds_left < LEAST_SECONDS:
        report["checks"] = [check_record("all of it", NOT_RUN, note="no time was left in this call")]
        return report, ""
    work = tempfile.mkdtemp(prefix=f"{step.name}-", dir=place.scratch)
    try:
        start = time.monotonic()
        seconds = min(step.deadline_seconds, seconds_left - CLEAN_UP_SECONDS / 2)
        place.work, place.records = work, str(pathlib.Path(work) / "records")
        place.ends_at = start + seconds
        place.write(pathlib.Path(work) / "place.json")
        log = pathlib.Path(work) / "log"
        command = [sys.executable, "-B", "-m", "checks.step", step.module, str(pathlib.Path(work) / "place.json")]
        wrong = run_process(command, log, seconds, place.environment())
        report["checks"] = read_records(place.records)
        if not report["checks"] and not wrong:
            wrong = "found out nothing"
        if wrong:
            words = [line for line in tail_of(log, 1) if line.strip()]
            report["checks"].append(check_record("the step itself", FAILED, note=": ".join([wrong, *words])))
        report["outcome"] = outcome_of(report["checks"])
        report["seconds"] = time.monotonic() - start
        report["tail"] = tail_of(log) if report["outcome"] == FAILED else []
        return report, log.read_text(encoding="utf-8", errors="replace")
    finally:
        shutil.rmtree(work, ignore_errors=True)
