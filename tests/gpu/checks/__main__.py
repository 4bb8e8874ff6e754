# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the checks that need a GPU, and writes results.json, results.md and log.txt. Ends with 1 when a check failed."""

import argparse
import pathlib
import signal
import sys
import time

from checks import checkpoints, machine, packages, place, plan, results, runner, table


def parse_arguments(arguments):
    steps = "\n".join(f"  {step.name:11} {step.what} (at most {step.deadline_seconds} s)" for step in plan.STEPS)
    parser = argparse.ArgumentParser(
        prog="run.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"Steps, all without one:\n{steps}\n  speed       both speeds\n  none        only what --merge brings")
    folder = place.default_folder()
    parser.add_argument("steps", nargs="*", metavar="STEP")
    parser.add_argument("--out", type=pathlib.Path, default=folder / "results",
                        help="results of earlier calls are kept")
    parser.add_argument("--scratch", type=pathlib.Path, default=folder / "scratch",
                        help="on the disk to measure; its checkpoints serve the next call again")
    parser.add_argument("--size", default="16GiB", help="of the checkpoint for speeds [16GiB]")
    parser.add_argument("--limit", type=float, help="seconds that this call may take [as long as the steps may]")
    parser.add_argument("--merge", type=pathlib.Path, action="append", default=[], metavar="RESULTS.JSON",
                        help="begin with the results of an earlier call (repeatable)")
    parser.add_argument("--programs", help="folder of the programs [those of the archive, else build/apps]")
    parser.add_argument("--device", choices=("cuda", "host"), default="cuda",
                        help="host: try these scripts on a machine without a GPU")
    options = parser.parse_args(arguments)
    try:
        options.steps = plan.select(options.steps)
    except ValueError as error:
        parser.error(str(error))
    return options


def print_step(name, report):
    print(f"== {name}: {report['outcome']} ({report['seconds']:.0f} s)")
    for check in report["checks"]:
        line = f"{check['outcome']:8} {check['name']}  {table.value_text(check)}  {check['bar']}  {check['note']}"
        print("  " + table.cell(line))
    for line in report["tail"]:
        print("  | " + line)
    sys.stdout.flush()


def prepare(options):
    options.out.mkdir(parents=True, exist_ok=True)
    options.scratch.mkdir(parents=True, exist_ok=True)
    checkpoints.remove_stale_copies()
    where = place.standard_place(options.programs, options.scratch.resolve(), options.size, options.device)
    where.worker_packages = packages.unpack(place.HERE / "wheels" / "worker", options.scratch / "worker-packages")
    where.loader_packages = packages.unpack(place.HERE / "wheels" / "loaders", options.scratch / "loader-packages")
    where.nccl = machine.nccl_folder()
    return where


def main(arguments=None):
    if sys.version_info < (3, 11):
        sys.exit(f"Python {sys.version.split()[0]} is too old: PYTHON names another interpreter, 3.11 or later")
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # and the step under way with it
    options = parse_arguments(arguments)
    where = prepare(options)
    known = results.load(options.out / "results.json")
    for path in options.merge:
        known = results.merge(known, results.load(path))

    def publish():
        results.save(known, options.out / "results.json")
        (options.out / "results.md").write_text(table.render(known, plan.NAMES), encoding="utf-8")

    publish()
    about = machine.describe(where) if options.steps else {}
    good, missing = True, []
    for step in options.steps:
        left = options.limit - (time.monotonic() - started) if options.limit else float("inf")
        print(f"== {step.name} …", flush=True)
        report, log = runner.run_step(step, where, about, machine.commit(), left)
        print_step(step.name, report)
        with open(options.out / "log.txt", "a", encoding="utf-8") as file:
            file.write(f"== {step.name}, {report['started']}: {report['outcome']}\n{log}\n")
        known = results.merge(known, {"steps": {step.name: report}})
        publish()
        good = good and report["outcome"] != results.FAILED
        missing += results.not_run(step.name, report)
    for each in missing:
        print(f"not run: {each}")
    print(f"{options.out / 'results.md'}: {'what was run is good' if good else 'something FAILED'}, "
          f"{len(missing)} not run")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
