# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The comparisons of ckpt-bench: turns and medians, what is asked of other programs, disks, and whole cases.

    CKPT_PROGRAMS=build/apps python3 -B tests/apps/bench/compare_test.py
"""

import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCES = pathlib.Path(__file__).resolve().parents[3] / "apps" / "bench"
sys.path.insert(0, str(SOURCES))
import compare  # noqa: E402
import page_cache  # noqa: E402
from rounds import CheckFailed, Contender, NotRun, alternate, holds, median  # noqa: E402

PROGRAMS = pathlib.Path(os.environ["CKPT_PROGRAMS"])


class Rounds(unittest.TestCase):
    def test_contenders_take_turns_in_alternating_order(self):
        turns = []

        def contender(name):
            return Contender(name, lambda: turns.append(name) or {"seconds": len(turns)}, lambda: turns.append("prepare"))

        pair = alternate([contender("a"), contender("b")], rounds=3)
        self.assertEqual([turn for turn in turns if turn != "prepare"], ["a", "b", "b", "a", "a", "b"])
        self.assertEqual(turns[::2], ["prepare"] * 6)
        self.assertEqual([len(each.figures) for each in pair], [3, 3])

    def test_no_round_is_begun_that_would_last_too_long(self):
        now = [0.0]

        def run():
            now[0] += 10
            return {"seconds": 10}

        one = Contender("one", run)
        with contextlib.redirect_stdout(io.StringIO()):
            alternate([one], ends_at=25, clock=lambda: now[0])
        self.assertEqual(len(one.figures), 2)
        with self.assertRaisesRegex(NotRun, "time for 2 rounds only"):
            one.median()

    def test_one_that_breaks_is_out_and_the_others_go_on(self):
        def broken():
            raise OSError("gone")

        bad, good = Contender("bad", broken), Contender("good", lambda: {"seconds": 2})
        with contextlib.redirect_stderr(io.StringIO()):
            alternate([bad, good])
        self.assertEqual(good.median(), 2)
        with self.assertRaisesRegex(CheckFailed, "bad: OSError: gone"):
            bad.median()

    def test_a_median_needs_values_and_may_be_of_what_follows_from_them(self):
        self.assertEqual(median([3, 1, 2]), 2)
        self.assertEqual(median([4, 1, 2, 3]), 2.5)
        with self.assertRaises(CheckFailed):
            median([])
        one, = alternate([Contender("one", lambda: {"bytes": 2 << 30, "seconds": 4, "cpu_seconds": 1})], rounds=1)
        self.assertEqual(one.median(compare.gib_per_second), 0.5)
        self.assertEqual(one.median(compare.cpu_seconds_per_gib), 0.5)

    def test_a_bar_holds_on_its_limit_and_on_its_side_of_it(self):
        self.assertEqual([holds(value, ">=", 0.95) for value in (0.94, 0.95, 1)], [False, True, True])
        self.assertEqual([holds(value, "<=", 0.95) for value in (0.94, 0.95, 1)], [True, True, False])
        with self.assertRaises(ValueError):
            holds(1, "<", 2)


class Fio(unittest.TestCase):
    def test_reads_all_files_directly_and_never_writes(self):
        files = [pathlib.Path("/a/one"), pathlib.Path("/a/two:three")]
        command = compare.fio_command("/opt/fio", files, 4 << 20, 32, False)
        self.assertEqual(command[0], "/opt/fio")
        for word in ("--filename=/a/one:/a/two\\:three", "--rw=read", "--readonly", "--direct=1", "--bs=4194304",
                     "--iodepth=32"):
            self.assertIn(word, command)
        with_huge_pages = compare.fio_command("/opt/fio", files, 4 << 20, 32, True)
        self.assertEqual(with_huge_pages, ["env", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1", *command])

    def test_bytes_and_seconds_are_found_behind_what_else_it_prints(self):
        figures = compare.parse_fio(
            'note: both iodepth >= 1\n{"jobs":[{"error":0,"read":{"io_bytes":1048576,"runtime":2500}}]}\n')
        self.assertEqual(figures, {"bytes": 1 << 20, "seconds": 2.5, "cpu_seconds": 0})

    def test_everything_else_is_refused(self):
        for output in ("", "fio: no such file", "{", "{}", '{"jobs":[]}', '{"jobs":[{"error":0}]}', '{"jobs":7}',
                       '{"jobs":[{"error":5,"read":{"io_bytes":1,"runtime":1}}]}',
                       '{"jobs":[{"error":0,"read":{"io_bytes":"x","runtime":1}}]}'):
            with self.assertRaises(CheckFailed, msg=output):
                compare.parse_fio(output)


class ScratchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="compare-test-", dir=os.getcwd())  # Not in memory.
        self.addCleanup(folder.cleanup)
        self.scratch = pathlib.Path(folder.name).resolve()


class Disk(ScratchTest):
    def setUp(self):
        super().setUp()
        self.file = self.write("data/model.safetensors", "")
        device = self.file.stat().st_dev
        self.number = f"{os.major(device)}:{os.minor(device)}"
        self.mounts = self.write("mountinfo", "garbage\n\n1 0 254:0 / / rw\n")

    def write(self, name, text):
        path = self.scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def described(self):
        return page_cache.describe_disk(self.file, self.scratch / "sys", self.mounts)

    def test_is_that_of_the_innermost_mount(self):
        data = self.file.parent
        self.write("mountinfo", f"1 0 254:0 / / rw - ext4 /dev/one rw\n"
                                f"2 1 254:1 / {data} rw,noatime shared:5 - xfs /no/two rw\n"
                                f"3 1 254:2 / {data}base rw - btrfs /dev/three rw\n"
                                f"4 1 254:3 / {data.parent} rw - ext2 /dev/four rw\n")
        self.assertEqual(self.described(), "/no/two (xfs), read-ahead unknown")

    def test_of_two_mounts_at_one_place_is_the_later(self):
        self.write("mountinfo", "1 0 254:0 / / rw - ext4 /dev/one rw\n2 1 0:50 / / rw - overlay overlay rw\n")
        self.assertEqual(self.described(), "overlay (overlay), read-ahead unknown")

    def test_reads_ahead_as_the_queue_of_its_device_says_or_a_record_of_its_own(self):
        self.assertEqual(self.described(), "unknown, read-ahead unknown")
        self.write(f"sys/class/bdi/{self.number}/read_ahead_kb", "64\n")
        self.assertEqual(self.described(), "unknown, read-ahead 64 KiB")
        self.write(f"sys/dev/block/{self.number}/queue/read_ahead_kb", "8192\n")
        self.assertEqual(self.described(), "unknown, read-ahead 8192 KiB")

    def test_that_is_a_partition_has_the_queue_of_the_whole(self):
        self.write("sys/devices/nvme0n1/queue/read_ahead_kb", "512\n")
        self.write("sys/devices/nvme0n1/nvme0n1p2/partition", "2\n")
        (self.scratch / "sys/dev/block").mkdir(parents=True)
        (self.scratch / "sys/dev/block" / self.number).symlink_to("../../devices/nvme0n1/nvme0n1p2")
        self.assertEqual(self.described(), "unknown, read-ahead 512 KiB")

    def test_of_a_file_that_is_not_there_is_an_error(self):
        with self.assertRaises(OSError):
            page_cache.describe_disk(self.scratch / "nothing")


class Cases(ScratchTest):
    def setUp(self):
        super().setUp()
        self.checkpoint = self.scratch / "checkpoint"
        subprocess.run([PROGRAMS / "ckpt-bench", "write", "--path", self.checkpoint, "--size", "8MiB", "--shards", "2"],
                       check=True, stdout=subprocess.DEVNULL)

    def compare(self, *flags):
        """Exit status, what was printed, and the figures."""
        figures = self.scratch / "figures.json"
        command = [PROGRAMS / "ckpt-bench", "compare", "--checkpoint", self.checkpoint, "--rounds", "1", "--json", figures,
                   *flags]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        report = json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else None
        return result.returncode, result.stdout + result.stderr, report

    def test_every_case_has_its_series_and_bars(self):
        status, output, report = self.compare("--case", "warm", "dirty", "plan", "update", "--dirty-size", "8MiB",
                                              "--chunk-size", "1MiB")
        self.assertEqual(status, 0, output)
        self.assertEqual([each["name"] for each in report["measured"]],
                         ["warm: ckpt-actor", "warm: pread, 2 threads", "just written", "flushed",
                          "headers and plan, 100,000 tensors", "whole update", "busiest stage of it"])
        for each in report["measured"]:
            self.assertGreater(each["median_seconds"], 0)
            self.assertEqual(len(each["rounds"]), 1)
            if not each["name"].startswith("headers"):
                self.assertGreaterEqual(each["rounds"][0]["bytes"], 8 << 20)
                self.assertIn(each["name"], output)
        self.assertEqual([(each["claim"], each["relation"]) for each in report["bars"]],
                         [("warm rate / pread, 2 threads", ">="), ("just written rate / flushed", ">="),
                          ("headers and plan, seconds", "<="), ("whole update / busiest stage", "<=")])
        self.assertTrue(report["remarks"][0].startswith("disk: "), report["remarks"])
        self.assertEqual(sorted(path.name for path in self.scratch.iterdir()), ["checkpoint", "figures.json"])

    def test_strict_fails_exactly_when_a_bar_is_missed(self):
        status, output, report = self.compare("--case", "warm", "--strict")
        self.assertEqual(status, 0 if report["bars"][0]["holds"] else 1, output)
        self.assertIn("holds" if report["bars"][0]["holds"] else "MISSED", output)

    def test_what_cannot_be_measured_is_an_error_that_says_so(self):
        for flags, expected, said in ((("--case", "tepid"), 2, "invalid choice: 'tepid'"),
                                      (("--case", "loaders"), 2, "needs --python"),
                                      (("--rounds", "0"), 2, "--rounds must be"),
                                      (("--case", "cold", "--fio", "/no/fio"), 1, "there is no /no/fio"),
                                      (("--case", "warm", "--fly"), 1, "--fly"),
                                      (("--case", "warm", "--programs", "/no"), 1, "/no/ckpt-bench")):
            status, output, report = self.compare(*flags)
            self.assertEqual(status, expected, output)
            self.assertIn(said, output)
            self.assertIsNone(report)


if __name__ == "__main__":
    unittest.main()
