# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""How long an update of a running SGLang takes, from the node's start to its end, beside the engine's own loading of the
same checkpoint (/update_weights_from_disk), in turn, with files in the page cache. Medians. `run.sh --pace` starts it."""

import argparse
import pathlib
import sys
import time

import case
import server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "apps" / "bench"))
from rounds import Contender, alternate  # noqa: E402

MODEL = "llama_large"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    test = case.EngineTest()
    running = test.engine(server.Sglang, MODEL)

    def load_itself(version="A"):
        began = time.monotonic()
        running.call("/update_weights_from_disk", {"model_path": str(case.model(MODEL, version))})
        return {"seconds": time.monotonic() - began}

    def push(version="B"):
        began = time.monotonic()
        report = test.push(running, MODEL, version)
        return {"seconds": time.monotonic() - began, "reload": report["stages"]["reload"]["busy_seconds"],
                "pause": report["engines"][0]["pause"]["seconds"]}

    for version in "AB":  # Warm: the page cache, and what the engine does only once.
        load_itself(version)
        push(version)
    own, whole = alternate([Contender("own loading", load_itself), Contender("whole run", push)], rounds=rounds)
    push()  # Whoever had the last turn.
    test.assert_serves(running, MODEL, "B")
    size = sum(path.stat().st_size for path in case.model(MODEL, "A").glob("*.safetensors"))
    print(f"{size / 1e6:.0f} MB, medians of {rounds}: a whole run {whole.median():.3f} s, the engine paused for "
          f"{whole.median('pause'):.3f} s of it and its worker taking weights for {whole.median('reload'):.3f} s; the "
          f"engine's own loading {own.median():.3f} s\n"
          f"whole run / own loading: {whole.median() / own.median():.2f}; whole run / taking weights: "
          f"{whole.median() / whole.median('reload'):.2f}")


if __name__ == "__main__":
    main()
