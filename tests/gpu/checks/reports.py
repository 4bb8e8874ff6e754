# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What the programs' JSON reports say, read leniently: a field that has moved or is missing is no crash."""

from checks.results import CheckFailed


def busiest_stage(report):
    """Name and seconds of the stage that had most to do."""
    stages = [(name, stage["busy_seconds"]) for name, stage in report.get("stages", {}).items()
              if isinstance(stage, dict) and "busy_seconds" in stage]
    if not stages:
        raise CheckFailed("the report has no stages")
    return max(stages, key=lambda stage: stage[1])


def find_key(content, key):
    """The first value under `key`, at whatever depth; None when there is none."""
    if isinstance(content, dict):
        if key in content:
            return content[key]
        content = list(content.values())
    if isinstance(content, list):
        for value in content:
            found = find_key(value, key)
            if found is not None:
                return found
    return None


def startup_seconds(report):
    """What opening devices and registering memory took before the first byte, each by its name."""
    startup = find_key(report, "startup")
    if not isinstance(startup, dict):
        raise CheckFailed("the report does not tell the start-up")
    return {name: value for name, value in startup.items() if isinstance(value, (int, float))}


def gtest_outcomes(report):
    """{name of the test: PASSED, SKIPPED or FAILED} from GoogleTest's JSON, without those that the filter left out."""
    outcomes = {}
    for suite in report.get("testsuites", []):
        for test in suite.get("testsuite", []):
            if test.get("status") != "RUN":
                continue
            if test.get("failures"):
                outcome = "FAILED"
            else:
                outcome = "SKIPPED" if test.get("result") == "SKIPPED" or test.get("skipped") else "PASSED"
            outcomes[f"{suite['name']}.{test['name']}"] = outcome
    return outcomes
