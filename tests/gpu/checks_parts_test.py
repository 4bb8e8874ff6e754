# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What the steps are made of: programs, reports, files and what grows."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile
from unittest import mock

from checks import __main__ as command, checkpoints, groups, packages, processes, reports, results, sanitizer, usage
from checks.place import Place
from checks.results import FAILED, NOT_RUN, OK, CheckFailed, NotRun, Recorder
from checks_scratch import ScratchTest


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
        self.assertEqual(sanitizer.errors_found("========= ERROR SUMMARY: 2 errors\n" * 2), 4)
        self.assertIsNone(sanitizer.errors_found("killed"))
        self.assertEqual(sanitizer.why_unsupported("a\n========= Error: Device not supported. Please\n"),
                         "Error: Device not supported. Please")
        self.assertEqual(sanitizer.why_unsupported("the program says: not supported\n"), "")
        self.assertEqual(sanitizer.why_unsupported('========= Program hit cudaErrorNotSupported (error 801) due to '
                                                   '"operation not supported" on CUDA API call\n'), "")


class Groups(unittest.TestCase):
    def test_one_that_comes_in_two_lists_is_named(self):
        weight, scale = "model.layers.3.mlp.experts.7.up_proj.weight", "model.layers.3.mlp.experts.7.up_proj.weight_scale_inv"
        halves = ["model.layers.3.self_attn.q_a_proj.weight", "model.layers.3.self_attn.kv_a_proj_with_mqa.weight"]
        self.assertEqual(groups.divided_groups([[weight, scale], halves]), [])
        self.assertEqual(groups.divided_groups([[weight, *halves], [scale]]), ["model.layers.3.mlp.experts.7.up_proj"])
        self.assertEqual(groups.divided_groups([halves[:1], [weight, scale, *halves[1:]]]), ["model.layers.3.self_attn."])


class Packages(unittest.TestCase):
    def test_a_worker_that_cannot_be_loaded_is_not_run_with_the_reason(self):
        for script, why in (("import no_such_module", "No module named 'no_such_module'"),
                            ("import sys; sys.exit('it is ' + sys.argv[1])", "it is there"),
                            ("import os; os.abort()", "status -6")):
            with mock.patch.object(packages, "WORKER_SCRIPT", script), self.assertRaisesRegex(NotRun, why):
                packages.require_worker("there")
        with mock.patch.object(packages, "WORKER_SCRIPT", ""):
            packages.require_worker("there")


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
        self.assertEqual(self.outcomes({}, {}), [OK] * 3)

    def test_each_thing_that_grows_is_a_failure_of_its_own(self):
        self.assertEqual(self.outcomes({}, {"gpu_free_bytes": 9 << 30}), [FAILED, OK, OK])
        self.assertEqual(self.outcomes({}, {"memory_bytes": 150 << 20}), [OK, FAILED, OK])
        self.assertEqual(self.outcomes({}, {"descriptors": 21}), [OK, OK, FAILED])
        self.assertEqual(self.outcomes({"gpu_free_bytes": None}, {}), [NOT_RUN, OK, OK])

    def test_a_file_that_is_left_in_shared_memory_is_a_failure(self):
        path = self.scratch / "records"
        for names in ({"old"}, {"old", "new"}, set()):
            with mock.patch.object(usage, "shared_memory_names", return_value=names):
                usage.nothing_left(Recorder(path), "files", {"old"})
        self.assertEqual([check["outcome"] for check in results.read_records(path)], [OK, FAILED, OK])

    def test_this_process_uses_something(self):
        seen = usage.usage_of([os.getpid()], None)
        self.assertGreater(seen["memory_bytes"], 1 << 20)
        self.assertGreater(seen["descriptors"], 0)
