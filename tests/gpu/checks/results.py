# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What the steps found out: one record for each check, kept in results.json over several calls.

    {"steps": {NAME: {"started": text, "seconds": N, "outcome": OUTCOME, "checks": [CHECK, …], "tail": [line, …],
                      "machine": {…}, "commit": text}}}
    CHECK = {"name": text, "value": number, text or null, "unit": text, "bar": text, "outcome": OUTCOME, "note": text}
"""

import contextlib
import json
import os
import pathlib
import traceback

from rounds import CheckFailed, NotRun, holds

OK = "ok"
FAILED = "FAILED"
NOT_RUN = "not run"
FIGURE = "figure"  # measured, and held to no bar


def check_record(name, outcome, value=None, unit="", bar="", note=""):
    return {"name": name, "value": value, "unit": unit, "bar": bar, "outcome": outcome, "note": note}


class Recorder:
    """Takes down the checks of one step, each on a line of its own as soon as it is known: a step that is killed
    later on leaves behind what it had found out."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def add(self, record):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        value = "" if record["value"] is None else f": {record['value']} {record['unit']}"
        print(f"{record['outcome']}: {record['name']}{value} {record['note']}".rstrip(), flush=True)

    def ok(self, name, value=None, unit="", note=""):
        self.add(check_record(name, OK, value, unit, note=note))

    def failed(self, name, note, value=None):
        self.add(check_record(name, FAILED, value, note=note))

    def not_run(self, name, why):
        self.add(check_record(name, NOT_RUN, note=why))

    def figure(self, name, value, unit="", note=""):
        self.add(check_record(name, FIGURE, value, unit, note=note))

    def bar(self, name, value, relation, limit, unit="", note=""):
        outcome = OK if holds(value, relation, limit) else FAILED
        self.add(check_record(name, outcome, value, unit, f"{relation} {limit:g}", note))

    @contextlib.contextmanager
    def attempt(self, name):
        """What goes wrong inside is the failure of the check `name`, and of nothing else."""
        try:
            yield
        except NotRun as why:
            self.not_run(name, str(why))
        except CheckFailed as failure:
            self.failed(name, str(failure))
        except Exception as error:  # one check that breaks does not take the others with it
            traceback.print_exc()
            self.failed(name, f"{type(error).__name__}: {error}")


def read_records(path):
    """The whole lines of a recorder's file; one that was cut off by a kill is left out."""
    records = []
    with contextlib.suppress(FileNotFoundError):
        for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                records.append(json.loads(line))
    return records


def outcome_of(checks):
    """The outcome of a step with these checks."""
    outcomes = {check["outcome"] for check in checks}
    if FAILED in outcomes:
        return FAILED
    return OK if OK in outcomes or FIGURE in outcomes else NOT_RUN


def not_run(name, step):
    """What of the step `name` could not be run."""
    if step["outcome"] == NOT_RUN and not step["checks"]:
        return [name]
    return [f"{name}: {check['name']}: {check['note']}" for check in step["checks"] if check["outcome"] == NOT_RUN]


def merge(earlier, later):
    """Both. A step that was run again takes the place of its earlier run, unless it could not be run this time."""
    steps = dict(earlier.get("steps", {}))
    for name, step in later.get("steps", {}).items():
        if name in steps and step["outcome"] == NOT_RUN:
            continue
        steps[name] = step
    return {"steps": steps}


def load(path):
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"steps": {}}


def save(results, path):
    """Replaces the file in one step: whoever is killed leaves the old one or the new one."""
    beside = pathlib.Path(f"{path}.{os.getpid()}.tmp")
    beside.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)
