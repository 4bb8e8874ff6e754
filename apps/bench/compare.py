#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The comparisons behind this project's claims; `ckpt-bench compare` starts this. Flags that are not listed are those of
`ckpt-bench read`."""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import page_cache
import programs
import resident
import rounds
from programs import output_of, parse_object
from rounds import CheckFailed, Contender, alternate, holds

GIB = 1 << 30
STRAYED_MAX = 0.01  # pages in the wrong state, cached or not, before the figures get a remark
PREAD_BYTES = 4 << 20
PREAD_THREADS = 2
SINK_SECONDS = 30  # until it ends after its update
CASES = ("loaders", "cold", "warm", "dirty", "plan", "update", "publish", "resident", "trace")


def gib_per_second(figures):
    return figures["bytes"] / GIB / figures["seconds"] if figures["seconds"] > 0 else 0


def cpu_seconds_per_gib(figures):
    return figures["cpu_seconds"] / (figures["bytes"] / GIB) if figures["bytes"] > 0 else 0


def fio_command(program, files, block_bytes, depth, huge_pages):
    """Reads `files` once through io_uring and O_DIRECT. Colons separate files in fio's option."""
    names = ":".join(str(file.absolute()).replace("\\", "\\\\").replace(":", "\\:") for file in files)
    # fio has no option of its own for huge pages; the C library asks for them on its behalf.
    return [*(["env", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"] if huge_pages else []), program, "--name=read",
            f"--filename={names}", "--rw=read", "--readonly", "--direct=1", "--ioengine=io_uring", "--mem=malloc",
            "--iomem_align=2m", "--file_service_type=sequential", f"--bs={block_bytes}", f"--iodepth={depth}",
            "--output-format=json"]


def parse_fio(output):
    try:
        job = parse_object(output, "fio")["jobs"][0]
        figures = {"bytes": int(job["read"]["io_bytes"]), "seconds": job["read"]["runtime"] / 1000, "cpu_seconds": 0}
    except (KeyError, IndexError, TypeError, ValueError):
        raise CheckFailed("fio's JSON has no figures of a job") from None
    if job["error"] != 0:
        raise CheckFailed(f"fio reports error {job['error']}")
    return figures


def read_with_pread(files):
    """The baseline for cached files: threads that read pieces of them, each into a buffer of its own."""
    pieces = [(file, offset) for file in files for offset in range(0, file.stat().st_size, PREAD_BYTES)]

    def read(number):
        buffer, done = bytearray(PREAD_BYTES), 0
        opened = {file: os.open(file, os.O_RDONLY) for file in files}
        for file, offset in pieces[number::PREAD_THREADS]:
            done += os.preadv(opened[file], [buffer], offset)
        for file in opened.values():
            os.close(file)
        return done

    before, start = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(PREAD_THREADS) as threads:
        done = sum(threads.map(read, range(PREAD_THREADS)))
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF)
    return {"bytes": done, "seconds": seconds,
            "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


class Comparisons:
    """Each method is a case: it adds its series, bars and remarks to the report."""

    def __init__(self, options):
        self.options = options
        self.report = {"measured": [], "bars": [], "remarks": []}

    def add(self, *contenders):
        self.report["measured"] += [
            {"name": each.name, "median_seconds": each.median(), "median_gib_per_second": each.median(gib_per_second),
             "median_cpu_seconds_per_gib": each.median(cpu_seconds_per_gib), "rounds": each.figures}
            for each in contenders]

    def bar(self, claim, value, relation, limit):
        self.report["bars"].append({"claim": claim, "value": value, "relation": relation, "limit": limit,
                                    "holds": holds(value, relation, limit)})

    def remark(self, text):
        if text not in self.report["remarks"]:
            self.report["remarks"].append(text)

    def program(self, name):
        return self.options.programs / name

    def bench(self, *words):
        """The rounds of what ckpt-bench measures."""
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            output_of(self.program("ckpt-bench"), *words, "--json", report.name)
            return json.load(report)["measured"][0]["rounds"]

    def alternate(self, *contenders):
        alternate(contenders, rounds=self.options.rounds)
        self.add(*contenders)
        return contenders

    def scratch(self):
        """A folder on the measured disk that is removed with all that is in it."""
        return tempfile.TemporaryDirectory(prefix="ckpt-bench-", dir=self.options.scratch)

    @contextlib.contextmanager
    def memory(self):
        """A folder in /dev/shm that is removed with all that is in it."""
        with tempfile.TemporaryDirectory(prefix="ckpt-bench-", dir="/dev/shm") as folder:
            yield pathlib.Path(folder)

    def ours(self, name, checkpoint, cached, prepare):
        """Our reader, which remarks when the page cache supplies more or less than the fraction `cached`."""

        def read():
            figures = self.bench("read", "--checkpoint", checkpoint, "--rounds", 1, *self.options.reading)[0]
            if abs(figures["cached_fraction"] - cached) > STRAYED_MAX:
                self.remark(f"{100 * figures['cached_fraction']:.1f} % of the bytes came from the page cache, "
                            f"not {100 * cached} %")
            return figures

        return Contender(name, read, prepare)

    def make_cold(self):
        page_cache.drop(self.options.checkpoint)
        if (left := page_cache.cached_fraction(self.options.checkpoint)) > STRAYED_MAX:
            self.remark(f"the kernel kept {100 * left:.1f} % of the files in the page cache: not all of it was cold")

    def make_warm(self, checkpoint):
        page_cache.warm_up(checkpoint)
        if (there := page_cache.cached_fraction(checkpoint)) < 1 - STRAYED_MAX:
            self.remark(f"only {100 * there:.1f} % of the files fit in the page cache: not all of it was warm")

    def cold(self):
        """Uncached files: against fio."""
        files = page_cache.files_of(self.options.checkpoint)
        if not shutil.which(self.options.fio):
            raise CheckFailed(f"there is no {self.options.fio}: --fio names another one")

        def fio(block_bytes, depth, huge_pages):
            command = fio_command(self.options.fio, files, block_bytes, depth, huge_pages)
            name = f"cold: fio {block_bytes >> 20} MiB x {depth}{', huge pages' if huge_pages else ''}"
            return Contender(name, lambda: parse_fio(output_of(*command)), self.make_cold)

        ours, *others = self.alternate(
            self.ours("cold: ckpt-actor", self.options.checkpoint, 0, self.make_cold),
            *(fio(mib << 20, depth, huge) for huge in (False, True) for mib in (1, 4) for depth in (16, 32)))
        best = max(each.median(gib_per_second) for each in others)
        self.bar("cold rate / best of fio", ours.median(gib_per_second) / best, ">=", 0.95)
        self.bar("cold core-seconds per GiB", ours.median(cpu_seconds_per_gib), "<=", 0.15)

    def loaders(self):
        """Uncached files: against loaders of Python programs."""
        python = [self.options.python, pathlib.Path(__file__).with_name("python_read.py")]
        files = page_cache.files_of(self.options.checkpoint)
        found = parse_object(output_of(*python, "versions"), "Python")
        if not found["torch"] or not found["safetensors"]:
            raise CheckFailed(f"{python[0]} has no torch or no safetensors: install apps/bench/requirements.txt")
        self.remark(f"loaders: Python {found['python']}, torch {found['torch']}")
        names = [name for name in ("safetensors", "runai-model-streamer") if found[name]]
        if len(names) == 1:
            self.remark(f"loaders: no runai-model-streamer in {python[0]}")

        def loader(name):
            return Contender(f"loaders: {name} {found[name]}",
                             lambda: parse_object(output_of(*python, name, *files), "Python"), self.make_cold)

        ours, *others = self.alternate(self.ours("loaders: ckpt-actor", self.options.checkpoint, 0, self.make_cold),
                                       *map(loader, names))
        for name, other, limit in zip(names, others, (3, 0.95)):
            self.bar(f"cold rate / {name}", ours.median(gib_per_second) / other.median(gib_per_second), ">=", limit)
        for other in others[1:]:
            self.bar("cold core-seconds / runai-model-streamer",
                     ours.median(cpu_seconds_per_gib) / other.median(cpu_seconds_per_gib), "<=", 0.5)

    def warm(self):
        """Cached files: against two threads with pread."""
        checkpoint = self.options.checkpoint
        ours, pread = self.alternate(
            self.ours("warm: ckpt-actor", checkpoint, 1, lambda: self.make_warm(checkpoint)),
            Contender(f"warm: pread, {PREAD_THREADS} threads", lambda: read_with_pread(page_cache.files_of(checkpoint)),
                      lambda: self.make_warm(checkpoint)))
        self.bar(f"warm rate / pread, {PREAD_THREADS} threads",
                 ours.median(gib_per_second) / pread.median(gib_per_second), ">=", 0.9)

    def dirty(self):
        """Files just written and not flushed: against the same files flushed and cached."""
        with self.scratch() as scratch:
            checkpoint = pathlib.Path(scratch) / "checkpoint"

            def write():
                shutil.rmtree(checkpoint, ignore_errors=True)
                output_of(self.program("ckpt-bench"), "write", "--path", checkpoint, "--size", self.options.dirty_size)

            def make_clean():
                if not checkpoint.exists():
                    write()
                page_cache.flush(checkpoint)
                self.make_warm(checkpoint)

            just_written, flushed = self.alternate(self.ours("just written", checkpoint, 1, write),
                                                   self.ours("flushed", checkpoint, 1, make_clean))
        self.bar("just written rate / flushed", just_written.median(gib_per_second) / flushed.median(gib_per_second),
                 ">=", 0.9)

    def plan(self):
        """Headers and plan of 100,000 tensors in 160 shards."""
        with self.scratch() as scratch:
            checkpoint = pathlib.Path(scratch) / "checkpoint"
            output_of(self.program("ckpt-bench"), "write", "--path", checkpoint, "--tensors", 100_000, "--shards", 160,
                      "--sparse")
            planned, = self.alternate(Contender(
                "headers and plan, 100,000 tensors",
                lambda: self.bench("read", "--checkpoint", checkpoint, "--headers-only", "--rounds", 1)[0]))
        self.bar("headers and plan, seconds", planned.median(), "<=", 0.5)

    def update_once(self, *flags):
        """A whole update, from files to the acknowledgement of a sink, and what was busiest in it."""
        with self.scratch() as scratch:
            folder = pathlib.Path(scratch)
            with programs.sink(self.options.programs, folder, "--updates", 1) as (url, sink):
                output_of(self.program("ckpt-actor-node"), "--checkpoint-path", self.options.checkpoint,
                          "--inference-parallel-size", 1, "--device", "host", "--endpoint", url, "--report",
                          folder / "report.json", *flags)
                if sink.wait(SINK_SECONDS) != 0:
                    raise CheckFailed(f"ckpt-sink failed: {(folder / 'sink.log').read_text(encoding='utf-8')}")
            report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        stage, busy = max(report["stages"].items(), key=lambda each: each[1]["busy_seconds"])
        return {"bytes": report["checkpoint"]["bytes"], "seconds": report["seconds"], "cpu_seconds": 0, "stage": stage,
                "busy_seconds": busy["busy_seconds"]}

    def update(self):
        """A whole update: against its busiest stage."""
        whole, = self.alternate(Contender("whole update", self.update_once, self.make_cold))
        busiest = Contender("busiest stage of it", None)
        busiest.figures = [figures | {"seconds": figures["busy_seconds"]} for figures in whole.figures]
        busiest.rounds_least = whole.rounds_least
        self.add(busiest)
        self.bar("whole update / busiest stage", whole.median(lambda each: each["seconds"] / each["busy_seconds"]), "<=",
                 1.15)
        self.remark("busiest stage, round by round: " + ", ".join(figures["stage"] for figures in whole.figures))

    def publish(self):
        """A new version through a resident node: against one process per update."""
        with self.memory() as scratch, resident.publishing(self.options.programs, scratch) as contenders:
            through_node, one_process = self.alternate(*contenders)
        self.bar("one process per update / publish", one_process.median() / through_node.median(), ">=", 3)

    def resident(self):
        """Versions that a resident node has in memory."""
        with self.memory() as scratch, resident.going_back(self.options.programs, scratch) as contenders:
            update, = self.alternate(*contenders)
        self.bar("neither copy nor engine, seconds", update.median("besides"), "<=", 0.03)
        self.bar("pause / pushing", update.median(lambda each: each["pause_seconds"] / each["push_seconds"]), "<=", 1.1)

    def trace(self):
        """What it costs to record a trace, with files in the page cache."""
        def update(*flags):
            return Contender(" ".join(["whole update, warm", *flags[:1]]), lambda: self.update_once(*flags),
                             lambda: self.make_warm(self.options.checkpoint))

        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            traced, plain = self.alternate(update("--trace", file.name), update())
        self.bar("update with --trace / without", traced.median() / plain.median(), "<=", 1.01)


def table_of(report):
    """Medians, bars and remarks; a dash where a figure was not measured."""
    width = max((len(each.get("name") or each["claim"]) for each in report["measured"] + report["bars"]), default=0)
    lines = [f"{'medians':{width}}   rounds   seconds     GiB/s  CPU s/GiB"]
    for each in report["measured"]:
        figures = [f"{value:.3f}" if value > 0 else "-" for value in (
            each["median_seconds"], each["median_gib_per_second"], each["median_cpu_seconds_per_gib"])]
        lines.append(f"{each['name']:{width}}  {len(each['rounds']):7}  " + "  ".join(f"{text:>8}" for text in figures))
    lines += [f"{each['claim']:{width}}  {each['value']:8.3f} {each['relation']} {each['limit']:.3f}  "
              f"{'holds' if each['holds'] else 'MISSED'}" for each in report["bars"]]
    return "\n".join([*lines, *(f"note: {remark}" for remark in report["remarks"])])


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(prog="ckpt-bench compare", description=__doc__)
    parser.add_argument("--checkpoint", type=pathlib.Path, required=True,
                        help="checkpoint to read; at least 4GiB for steady figures")
    parser.add_argument("--case", nargs="+", choices=CASES, metavar="CASE", default=[],
                        help=f"{', '.join(CASES)} [the first five; loaders only with --python]")
    parser.add_argument("--rounds", type=int, default=rounds.ROUNDS, help="the figures are their medians [5]")
    parser.add_argument("--scratch", type=pathlib.Path,
                        help="directory on the measured disk, for what is written and removed [that of --checkpoint]")
    parser.add_argument("--dirty-size", default="1GiB", help="bytes of a checkpoint just written [1GiB]")
    parser.add_argument("--fio", default="fio", help="the fio program")
    parser.add_argument("--python", help="a Python with what apps/bench/requirements.txt names")
    parser.add_argument("--programs", type=pathlib.Path, default=pathlib.Path(__file__).absolute().parent,
                        help="directory of ckpt-bench, ckpt-actor-node and ckpt-sink [that of this script]")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures of every round to this file")
    parser.add_argument("--strict", action="store_true", help="fail when a bar is missed")
    options, options.reading = parser.parse_known_args(arguments)
    if "loaders" in options.case and not options.python:
        parser.error("--case loaders needs --python")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if not options.case:
        options.case = [case for case in CASES[:5] if case != "loaders" or options.python]
    options.scratch = options.scratch or options.checkpoint.absolute().parent
    return options


def main(arguments=None):
    options = parse_arguments(arguments)
    try:
        comparisons = Comparisons(options)
        # A link among the files may lead to another disk.
        files = page_cache.files_of(options.checkpoint)
        if not files:
            raise CheckFailed(f"{options.checkpoint} has no *.safetensors")
        comparisons.remark("disk: " + page_cache.describe_disk(files[0]))
        for case in CASES:
            if case in options.case:
                getattr(comparisons, case)()
    except (CheckFailed, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"ckpt-bench compare: {error}")
    print(table_of(comparisons.report))
    if options.json:
        options.json.write_text(json.dumps(comparisons.report) + "\n", encoding="utf-8")
    return 1 if options.strict and not all(bar["holds"] for bar in comparisons.report["bars"]) else 0


if __name__ == "__main__":
    sys.exit(main())
