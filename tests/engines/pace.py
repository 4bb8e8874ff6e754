# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""How long an update of a running SGLang takes, from the node's start to its end, beside the engine's own loading of the
same checkpoint (/update_weights_from_disk), in turn, with files in the page cache. Medians. `run.sh --pace` starts it."""

import argparse
import statistics
import time

import case
import server

MODEL = "llama_large"


def seconds(work):
    began = time.monotonic()
    work()
    return time.monotonic() - began


def load_itself(running, version):
    running.call("/update_weights_from_disk", {"model_path": str(case.model(MODEL, version))})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    test = case.EngineTest()
    running = test.engine(server.Sglang, MODEL)
    reports = []

    def push(version):
        reports.append(test.push(running, MODEL, version))

    for version in "AB":  # Warm: the page cache, and what the engine does only once.
        load_itself(running, version)
        push(version)
    reports.clear()
    own, whole = [], []
    for _ in range(rounds):
        own.append(seconds(lambda: load_itself(running, "A")))
        whole.append(seconds(lambda: push("B")))
    test.assert_serves(running, MODEL, "B")
    size = sum(path.stat().st_size for path in case.model(MODEL, "A").glob("*.safetensors"))
    reload = statistics.median(report["stages"]["reload"]["busy_seconds"] for report in reports)
    pause = statistics.median(report["engines"][0]["pause"]["seconds"] for report in reports)
    own, whole = statistics.median(own), statistics.median(whole)
    print(f"{size / 1e6:.0f} MB, medians of {rounds}: a whole run {whole:.3f} s, the engine paused for {pause:.3f} s of it and "
          f"its worker taking weights for {reload:.3f} s; the engine's own loading {own:.3f} s\n"
          f"whole run / own loading: {whole / own:.2f}; whole run / taking weights: {whole / reload:.2f}")


if __name__ == "__main__":
    main()
