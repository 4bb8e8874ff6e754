#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Every loader that the comparison finds in a Python reads every byte of a checkpoint, and its processor time is told.
#
#   tests/apps/bench/loaders_test.sh CKPT_BENCH PYTHON
set -euo pipefail

bench=$1
python=$2
scratch=$(mktemp -d "$PWD/loaders-XXXXXX")
trap 'rm -rf "$scratch"' EXIT

written=$("$bench" write --path "$scratch/checkpoint" --size 32MiB --shards 3 --edge-cases --dtype BF16 F32 F8_E4M3)
[[ $written =~ ([0-9]+)\ bytes ]]
"$bench" compare --checkpoint "$scratch/checkpoint" --case loaders --rounds 1 --python "$python" \
  --json "$scratch/figures.json"
"$python" - "$scratch/figures.json" "${BASH_REMATCH[1]}" <<'END'
import importlib.metadata
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    report = json.load(file)
packages = {each.metadata["Name"] for each in importlib.metadata.distributions()}
expected = ["ckpt-actor"] + [name for name in ("safetensors", "runai-model-streamer") if name in packages]
assert [each["name"].split()[1] for each in report["measured"]] == expected, report["measured"]
others = [each["rounds"][0] for each in report["measured"][1:]]
assert all(other["bytes"] == int(sys.argv[2]) for other in others), report["measured"]
assert all(other["cpu_seconds"] > 0 for other in others), report["measured"]
assert report["remarks"][0].startswith("disk: "), report["remarks"]
END

# A Python without them is refused with a sentence, and nothing is measured.
"$python" -m venv --without-pip "$scratch/empty"
if "$bench" compare --checkpoint "$scratch/checkpoint" --case loaders --rounds 1 --python "$scratch/empty/bin/python" \
  >"$scratch/out" 2>&1; then
  echo "measured loaders that are not there" >&2
  exit 1
fi
grep -F "has no torch or no safetensors" "$scratch/out"
