# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What the command makes of its steps: which it runs, what they record, what becomes of one that fails or hangs."""

import contextlib
import io
import os
import pathlib
import time
import types
import unittest

from checks import __main__ as command, plan, processes, results, runner, table
from checks.place import HERE
from checks.results import FAILED, FIGURE, NOT_RUN, OK, CheckFailed, NotRun, Recorder, check_record
from checks_scratch import ScratchTest


class Selection(unittest.TestCase):
    def names(self, *words):
        return [step.name for step in plan.select(words)]

    def test_is_everything_without_a_word(self):
        self.assertEqual(self.names(), list(plan.NAMES))

    def test_keeps_the_order_of_the_plan_and_takes_nothing_twice(self):
        self.assertEqual(self.names("speed", "sink", "speed-cold"), ["sink", "speed-warm", "speed-cold"])
        self.assertEqual(self.names("none"), [])

    def test_names_what_it_does_not_know(self):
        with self.assertRaisesRegex(ValueError, "no step is called sinks"):
            plan.select(["sinks"])

    def test_every_step_has_its_module(self):
        for step in plan.STEPS:
            path = HERE / pathlib.Path(*step.module.split(".")).with_suffix(".py")
            self.assertIn("def run(place, recorder):", path.read_text(encoding="utf-8"))


class Recording(ScratchTest):
    def setUp(self):
        super().setUp()
        self.path = self.scratch / "records"
        self.recorder = Recorder(self.path)

    def outcomes(self):
        return [(check["name"], check["outcome"]) for check in results.read_records(self.path)]

    def test_a_bar_is_held_or_missed_on_its_own_side(self):
        self.recorder.bar("a", 1.0, "<=", 1.1)
        self.recorder.bar("b", 1.2, "<=", 1.1)
        self.recorder.bar("c", 0.95, ">=", 0.95)
        self.recorder.bar("d", 0.94, ">=", 0.95)
        self.assertEqual(self.outcomes(), [("a", OK), ("b", FAILED), ("c", OK), ("d", FAILED)])
        self.assertEqual(results.read_records(self.path)[0]["bar"], "<= 1.1")

    def test_a_failure_inside_an_attempt_is_that_check_s_and_the_rest_goes_on(self):
        for error in (CheckFailed("wrong"), NotRun("no GPU"), None):
            with self.recorder.attempt(f"{error}"):
                if error:
                    raise error
                self.recorder.ok("good")
        with contextlib.redirect_stderr(io.StringIO()), self.recorder.attempt("crash"):
            raise KeyError("x")
        self.assertEqual(self.outcomes(), [("wrong", FAILED), ("no GPU", NOT_RUN), ("good", OK), ("crash", FAILED)])

    def test_a_line_that_was_cut_off_is_left_out(self):
        self.recorder.ok("whole")
        with open(self.path, "a", encoding="utf-8") as file:
            file.write('{"name": "ha')
        self.assertEqual(self.outcomes(), [("whole", OK)])
        self.assertEqual(results.read_records(self.scratch / "none"), [])

    def test_a_step_is_as_good_as_its_checks(self):
        def outcome(*outcomes):
            return results.outcome_of([check_record("x", each) for each in outcomes])

        self.assertEqual(outcome(OK, FAILED, NOT_RUN), FAILED)
        self.assertEqual(outcome(OK, NOT_RUN), OK)
        self.assertEqual(outcome(FIGURE), OK)
        self.assertEqual(outcome(NOT_RUN), NOT_RUN)
        self.assertEqual(outcome(), NOT_RUN)

    def test_what_was_not_run_is_told_check_by_check(self):
        checks = [check_record("fast", OK), check_record("netns", NOT_RUN, note="not root")]
        self.assertEqual(results.not_run("nccl", {"outcome": OK, "checks": checks}), ["nccl: netns: not root"])
        self.assertEqual(results.not_run("nccl", {"outcome": NOT_RUN, "checks": []}), ["nccl"])


def step_result(outcome, name="x", machine=None, **more):
    return {"started": "2026-01-01 00:00:00 UTC", "seconds": 3, "outcome": outcome, "tail": [], "commit": "abc",
            "checks": [check_record(name, outcome)], "machine": machine or {"GPU": "one"}} | more


class Merging(ScratchTest):
    def test_a_later_run_takes_the_place_of_an_earlier_one(self):
        merged = results.merge({"steps": {"sink": step_result(FAILED), "nccl": step_result(OK)}},
                               {"steps": {"sink": step_result(OK), "faults": step_result(OK)}})
        self.assertEqual({name: step["outcome"] for name, step in merged["steps"].items()},
                         {"sink": OK, "nccl": OK, "faults": OK})

    def test_a_step_that_could_not_be_run_again_keeps_what_was_known(self):
        merged = results.merge({"steps": {"sink": step_result(FAILED)}},
                               {"steps": {"sink": step_result(NOT_RUN), "nccl": step_result(NOT_RUN)}})
        self.assertEqual(merged["steps"]["sink"]["outcome"], FAILED)
        self.assertEqual(merged["steps"]["nccl"]["outcome"], NOT_RUN)

    def test_what_was_saved_is_loaded_and_no_file_is_no_results(self):
        path = self.scratch / "results.json"
        self.assertEqual(results.load(path), {"steps": {}})
        results.save({"steps": {"sink": step_result(OK)}}, path)
        self.assertEqual(results.load(path), {"steps": {"sink": step_result(OK)}})
        self.assertEqual([file.name for file in self.scratch.iterdir()], ["results.json"])

    def test_a_call_merges_renders_and_runs_nothing(self):
        earlier = self.scratch / "earlier.json"
        results.save({"steps": {"sink": step_result(OK, "bit for bit")}}, earlier)
        out = self.scratch / "out"
        status = command.main(["--out", str(out), "--scratch", str(self.scratch), "--merge", str(earlier), "none"])
        self.assertEqual(status, 0)
        self.assertIn("sink", results.load(out / "results.json")["steps"])
        self.assertIn("| sink | bit for bit |", (out / "results.md").read_text(encoding="utf-8"))


class Rendering(unittest.TestCase):
    def test_every_check_is_a_line_with_value_bar_outcome_and_note(self):
        checks = [check_record("fast", OK, 0.96789, "", ">= 0.95", "a|b\nc"),
                  check_record("memory", FAILED, 912.0, "MiB"), check_record("netns", NOT_RUN, note="not root")]
        step = step_result(FAILED, checks=checks, tail=["last words"])
        text = table.render({"steps": {"speed-warm": step}}, plan.NAMES)
        self.assertIn("| speed-warm | fast | 0.9679 | >= 0.95 | ok | a\\|b c |", text)
        self.assertIn("| speed-warm | memory | 912 MiB |  | FAILED |  |", text)
        self.assertIn("| speed-warm | netns |  |  | not run | not root |", text)
        self.assertIn("```\nlast words\n```", text)
        self.assertIn("| commit | abc |", text)

    def test_steps_of_other_machines_have_a_machine_of_their_own(self):
        steps = {"nccl": step_result(OK, machine={"GPU": "two"}), "sink": step_result(OK), "faults": step_result(OK)}
        text = table.render({"steps": steps}, plan.NAMES)
        self.assertIn("Steps sink, faults:", text)
        self.assertIn("Steps nccl:", text)
        self.assertLess(text.index("| sink | x |"), text.index("| nccl | x |"))

    def test_values(self):
        def text(value, unit=""):
            return table.value_text(check_record("x", OK, value, unit))

        self.assertEqual([text(None), text(0), text(3.0, "s"), text(1234.5), text(1.23456, "s"), text("5 passed")],
                         ["", "0", "3 s", "1234", "1.235 s", "5 passed"])

    def test_long_notes_are_cut(self):
        self.assertEqual(len(table.cell("x" * 5000)), table.NOTE_MAX)


STEPS = {
    "good": "recorder.ok('all'); print('words')",
    "failing": "print('why it fails')\n    recorder.failed('one', 'wrong')\n    recorder.ok('two')",
    "crashing": "recorder.ok('before')\n    raise RuntimeError('boom')",
    "silent": "pass",
    "hanging": "recorder.ok('before')\n    time.sleep(600)",
    "stubborn": "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(600)",
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "careless": "child = subprocess.Popen(['sleep', '600'])\n    recorder.ok('child', child.pid)",
    "excused": "raise NotRun('no GPU')",
}


class Steps(ScratchTest):
    """Whole steps as processes, with modules made up for the purpose."""

    def setUp(self):
        super().setUp()
        modules = self.scratch / "modules"
        modules.mkdir()
        for name, body in STEPS.items():
            text = ("import os, signal, subprocess, time\nfrom checks.results import NotRun\n\n\n"
                    f"def run(place, recorder):\n    {body}\n")
            (modules / f"made_up_{name}.py").write_text(text, encoding="utf-8")
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = str(modules)
        self.addCleanup(lambda: os.environ.pop("PYTHONPATH") if before is None else
                        os.environ.update(PYTHONPATH=before))
        runner.CLEAN_UP_SECONDS, self.clean_up = 1, runner.CLEAN_UP_SECONDS
        self.addCleanup(lambda: setattr(runner, "CLEAN_UP_SECONDS", self.clean_up))

    def run_step(self, name, deadline_seconds=60, seconds_left=float("inf")):
        step = types.SimpleNamespace(name=name, module=f"made_up_{name}", deadline_seconds=deadline_seconds)
        report, self.log = runner.run_step(step, self.place(), {}, "abc", seconds_left)
        self.assertEqual([file.name for file in self.scratch.iterdir()], ["modules"])
        return report, [(check["name"], check["outcome"]) for check in report["checks"]]

    def test_a_good_one_is_ok_and_its_words_are_kept_for_the_log(self):
        report, checks = self.run_step("good")
        self.assertEqual((report["outcome"], checks, report["tail"]), (OK, [("all", OK)], []))
        self.assertIn("words", self.log)

    def test_a_failing_one_keeps_its_last_words(self):
        report, checks = self.run_step("failing")
        self.assertEqual((report["outcome"], checks), (FAILED, [("one", FAILED), ("two", OK)]))
        self.assertIn("why it fails", report["tail"])

    def test_a_crash_is_a_failure_and_what_was_known_before_stays(self):
        report, checks = self.run_step("crashing")
        self.assertEqual((report["outcome"], checks), (FAILED, [("before", OK), ("the step itself", FAILED)]))
        self.assertEqual(report["checks"][1]["note"], "ended with status 1: RuntimeError: boom")

    def test_one_that_finds_out_nothing_is_a_failure(self):
        self.assertEqual(self.run_step("silent")[1], [("the step itself", FAILED)])

    def test_one_that_hangs_ends_at_its_deadline(self):
        report, checks = self.run_step("hanging", deadline_seconds=8)
        self.assertEqual(checks, [("before", OK), ("the step itself", FAILED)])
        self.assertIn("did not end within 8 s", report["checks"][1]["note"])

    def test_one_that_does_not_want_to_end_is_ended(self):
        report, _ = self.run_step("stubborn", deadline_seconds=2)
        self.assertIn("did not end within 2 s", report["checks"][0]["note"])

    def test_one_that_is_killed_says_by_what(self):
        report, _ = self.run_step("killed")
        self.assertEqual(report["checks"][0]["note"], "was ended by signal 9")

    def test_what_it_leaves_running_is_ended(self):
        pid = self.run_step("careless")[0]["checks"][0]["value"]
        until = time.monotonic() + 10
        while processes.is_alive(pid) and time.monotonic() < until:
            time.sleep(0.05)  # its new parent has yet to collect it
        state = pathlib.Path(f"/proc/{pid}/stat")
        self.assertTrue(not state.exists() or " Z " in state.read_text(encoding="utf-8"))

    def test_one_that_the_machine_cannot_run_is_not_run(self):
        report, checks = self.run_step("excused")
        self.assertEqual((report["outcome"], checks), (NOT_RUN, [("all of it", NOT_RUN)]))
        self.assertEqual(report["checks"][0]["note"], "no GPU")

    def test_one_for_which_no_time_is_left_is_not_begun(self):
        report, checks = self.run_step("failing", seconds_left=5)
        self.assertEqual((report["outcome"], checks), (NOT_RUN, [("all of it", NOT_RUN)]))
