#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What the checks on a GPU are made of, as far as it needs none: python3 tests/gpu/checks_test.py"""

import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import types
import unittest
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from checks import (__main__ as command, checkpoints, packages, plan, processes, reports, results, rounds,
                    runner, sanitizer, table, usage)
from checks.place import Place, standard_place
from checks.results import FAILED, FIGURE, NOT_RUN, OK, CheckFailed, NotRun, Recorder, check_record


class ScratchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="checks-test-")
        self.addCleanup(folder.cleanup)
        self.scratch = pathlib.Path(folder.name)
        quiet = contextlib.redirect_stdout(io.StringIO())
        quiet.__enter__()
        self.addCleanup(quiet.__exit__, None, None, None)

    def place(self):
        return standard_place(None, self.scratch, "1GiB", "host")


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

    def test_a_median_needs_values(self):
        self.assertEqual(results.median([3, 1, 2]), 2)
        self.assertEqual(results.median([4, 1, 2, 3]), 2.5)
        with self.assertRaises(CheckFailed):
            results.median([])


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
        report, checks = self.run_step("hanging", deadline_seconds=2)
        self.assertEqual(checks, [("before", OK), ("the step itself", FAILED)])
        self.assertIn("did not end within 2 s", report["checks"][1]["note"])

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


class Programs(ScratchTest):
    def program(self, script, **more):
        place = self.place()
        place.work = str(self.scratch)
        return processes.Program(place, [sys.executable, "-c", script], "program", **more)

    def test_one_that_hangs_is_named_with_its_last_words_and_ended(self):
        with self.program("import time; print('hello', flush=True); time.sleep(600)") as program:
            program.wait_for_text("hello", 20)
            with self.assertRaisesRegex(CheckFailed, "did not end within 0.1 s: program: hello"):
                program.wait(0.1)
        self.assertLess(program.process.returncode, 0)

    def test_one_that_ends_before_it_is_ready_is_a_failure(self):
        with self.program("print('no luck'); raise SystemExit(3)") as program:
            with self.assertRaisesRegex(CheckFailed, "ended with 3: program: no luck"):
                program.wait_for(20, lambda: False)

    def test_descendants_are_found(self):
        script = "import subprocess, time; subprocess.Popen(['sleep', '60']); print('up', flush=True); time.sleep(60)"
        with self.program(script) as program:
            program.wait_for_text("up", 20)
            found = processes.children_of(program.process.pid)
            self.assertEqual(len(found), 1)
            os.kill(found[0], 9)


class Reports(unittest.TestCase):
    def test_the_busiest_stage_is_found_among_whatever_else_is_there(self):
        report = {"stages": {"disk": {"busy_seconds": 1.0, "engine": "io_uring"}, "reload": {"busy_seconds": 2.5},
                             "note": "x", "empty": {}}}
        self.assertEqual(reports.busiest_stage(report), ("reload", 2.5))
        with self.assertRaises(CheckFailed):
            reports.busiest_stage({"outcome": "failed"})

    def test_the_start_up_is_found_wherever_it_is(self):
        startup = {"devices_seconds": 0.5, "memory_seconds": 0.25}
        self.assertEqual(reports.startup_seconds({"startup": startup}), startup)
        self.assertEqual(reports.startup_seconds({"hosts": [{"name": "a"}, {"startup": startup}]}), startup)
        with self.assertRaises(CheckFailed):
            reports.startup_seconds({"hosts": [{"name": "a"}]})

    def test_bars_are_read_in_both_spellings(self):
        report = {"bars": [{"claim": "copies", "value": 0.97, "relation": ">=", "limit": 0.95, "holds": True},
                           {"name": "others", "value": 0.9, "bar": 0.95}]}
        self.assertEqual(reports.bars(report), [("copies", 0.97, ">=", 0.95, True), ("others", 0.9, ">=", 0.95, False)])
        self.assertEqual(reports.bars({}), [])

    def test_tests_are_told_apart(self):
        def test(name, **more):
            return {"name": name, "status": "RUN", "result": "COMPLETED"} | more

        report = {"testsuites": [{"name": "cuda", "testsuite": [
            test("a"), test("b", result="SKIPPED"), test("c", failures=[{"failure": "x"}]),
            test("d", status="NOTRUN", result="SUPPRESSED")]}]}
        self.assertEqual(reports.gtest_outcomes(report), {"cuda.a": "PASSED", "cuda.b": "SKIPPED", "cuda.c": "FAILED"})

    def test_what_the_sanitizer_says(self):
        self.assertEqual(sanitizer.errors_found("x\n========= ERROR SUMMARY: 0 errors\n"), 0)
        self.assertEqual(sanitizer.errors_found("========= ERROR SUMMARY: 1 error\n"), 1)
        self.assertIsNone(sanitizer.errors_found("killed"))
        self.assertEqual(sanitizer.why_unsupported("a\n========= Error: Device not supported. Please\n"),
                         "Error: Device not supported. Please")
        self.assertEqual(sanitizer.why_unsupported("the program says: not supported\n"), "")


class Rounds(ScratchTest):
    def test_contenders_take_turns_in_alternating_order(self):
        turns = []

        def contender(name):
            return rounds.Contender(name, lambda: turns.append(name) or {"seconds": len(turns)},
                                    lambda: turns.append("prepare"))

        pair = [contender("a"), contender("b")]
        rounds.alternate(pair, ends_at=float("inf"), rounds=3)
        self.assertEqual([turn for turn in turns if turn != "prepare"], ["a", "b", "b", "a", "a", "b"])
        self.assertEqual(turns[::2], ["prepare"] * 6)
        self.assertEqual([len(each.figures) for each in pair], [3, 3])

    def test_no_round_is_begun_that_would_last_too_long(self):
        now = [0.0]

        def run():
            now[0] += 10
            return {"seconds": 10}

        one = rounds.Contender("one", run)
        rounds.alternate([one], ends_at=25, clock=lambda: now[0])
        self.assertEqual(len(one.figures), 2)
        with self.assertRaisesRegex(NotRun, "time for 2 rounds only"):
            one.median()

    def test_one_that_breaks_is_out_and_the_others_go_on(self):
        def broken():
            raise OSError("gone")

        bad, good = rounds.Contender("bad", broken), rounds.Contender("good", lambda: {"seconds": 2})
        with contextlib.redirect_stderr(io.StringIO()):
            rounds.alternate([bad, good], ends_at=float("inf"))
        self.assertEqual(good.median(), 2)
        with self.assertRaisesRegex(CheckFailed, "bad: OSError: gone"):
            bad.median()


class Files(ScratchTest):
    def write_shard(self, name, sizes):
        header, offset = {"__metadata__": {"format": "pt"}}, 0
        for number, size in enumerate(sizes):
            header[f"{name}.{number}"] = {"dtype": "U8", "shape": [size], "data_offsets": [offset, offset + size]}
            offset += size
        text = json.dumps(header).encode()
        folder = self.scratch / "checkpoint"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(offset))
        return folder

    def test_sizes_of_tensors_come_from_all_headers(self):
        self.write_shard("a", [3, 5])
        self.assertEqual(sorted(checkpoints.tensor_sizes(self.write_shard("b", [7]))), [3, 5, 7])

    def test_sizes_are_understood(self):
        self.assertEqual([checkpoints.size_in_bytes(text) for text in ("16GiB", "1.5MiB", "4096")],
                         [16 << 30, 3 << 19, 4096])

    def test_what_was_just_read_is_in_the_page_cache(self):
        folder = self.write_shard("a", [1 << 20])
        checkpoints.bring_into_page_cache(folder)
        self.assertEqual(checkpoints.cached_fraction(folder), 1)

    def test_a_copy_in_memory_is_whole_and_goes_away(self):
        folder = self.write_shard("a", [1 << 16])
        before = checkpoints.shared_memory_names()
        with checkpoints.in_memory(folder) as copy:
            self.assertEqual(checkpoints.tensor_sizes(copy), [1 << 16])
        self.assertEqual([name for name in checkpoints.shared_memory_names() - before
                          if name.startswith(checkpoints.COPY_PREFIX)], [])

    def test_copies_of_the_dead_are_removed_and_those_of_the_living_stay(self):
        child = subprocess.Popen(["true"])
        child.wait()
        dead, alive = (tempfile.mkdtemp(prefix=f"{checkpoints.COPY_PREFIX}{pid}-", dir="/dev/shm")
                       for pid in (child.pid, os.getpid()))
        checkpoints.remove_stale_copies()
        self.assertEqual((os.path.exists(dead), os.path.exists(alive)), (False, True))
        os.rmdir(alive)

    def test_too_little_room_is_a_reason_not_to_run(self):
        with self.assertRaisesRegex(NotRun, "are needed"):
            checkpoints.require_room(self.scratch, 1 << 60)

    def test_wheels_are_unpacked_with_what_lies_beside(self):
        wheels = self.scratch / "wheels"
        wheels.mkdir()
        with zipfile.ZipFile(wheels / "a_b-1.2-py3-none-any.whl", "w") as wheel:
            wheel.writestr("a_b/__init__.py", "")
            wheel.writestr("a_b-1.2.data/purelib/extra.py", "")
            wheel.writestr("a_b-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: a-b\nVersion: 1.2\n")
        target = pathlib.Path(packages.unpack(wheels, self.scratch / "target"))
        self.assertTrue((target / "a_b" / "__init__.py").exists() and (target / "extra.py").exists())
        self.assertEqual(command.machine.python_package("a-b", target), "1.2")
        self.assertEqual(packages.unpack(self.scratch / "none", self.scratch / "other"), "")

    def test_a_place_survives_its_journey(self):
        place = self.place()
        place.ends_at = 12.5
        place.write(self.scratch / "place.json")
        self.assertEqual(Place.read(self.scratch / "place.json"), place)


class Growth(ScratchTest):
    def outcomes(self, before, after):
        path = self.scratch / "records"
        path.unlink(missing_ok=True)
        same = {"gpu_free_bytes": 10 << 30, "memory_bytes": 100 << 20, "descriptors": 20, "processes": 2,
                "shared_memory": checkpoints.shared_memory_names()}
        usage.report_growth(Recorder(path), "engine", same | before, same | after)
        return [check["outcome"] for check in results.read_records(path)]

    def test_what_is_as_it_was_is_good(self):
        self.assertEqual(self.outcomes({}, {}), [OK] * 4)

    def test_each_thing_that_grows_is_a_failure_of_its_own(self):
        self.assertEqual(self.outcomes({}, {"gpu_free_bytes": 9 << 30}), [FAILED, OK, OK, OK])
        self.assertEqual(self.outcomes({}, {"memory_bytes": 150 << 20}), [OK, FAILED, OK, OK])
        self.assertEqual(self.outcomes({}, {"descriptors": 21}), [OK, OK, FAILED, OK])
        self.assertEqual(self.outcomes({"gpu_free_bytes": None}, {}), [NOT_RUN, OK, OK, OK])
        with tempfile.NamedTemporaryFile(dir="/dev/shm", prefix="checks-test-"):
            named_before = {name for name in checkpoints.shared_memory_names() if "checks-test-" not in name}
            self.assertEqual(self.outcomes({"shared_memory": named_before}, {}), [OK, OK, OK, FAILED])

    def test_this_process_uses_something(self):
        seen = usage.usage_of([os.getpid()], None)
        self.assertGreater(seen["memory_bytes"], 1 << 20)
        self.assertGreater(seen["descriptors"], 0)


if __name__ == "__main__":
    unittest.main()
