#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds the fuzz targets and runs each for a while; fails when one crashes, hangs or leaks. Needs clang++ and its
# runtime (clang, libclang-rt-14-dev).
#
# Usage: tests/fuzz/run.sh [SECONDS_PER_TARGET [BUILD_DIRECTORY]]      default: 20 build-fuzz
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-20}
build=${2:-build-fuzz}

cmake -S . -B "$build" -G Ninja -DCKPT_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++ >"$build.log" 2>&1 \
  || { cat "$build.log"; exit 1; }
rm -f "$build.log"
ninja -C "$build" fuzz_targets

status=0
while read -r name; do
  # What a run finds worth keeping goes to the build directory; the seeds stay as they are.
  corpus=$build/corpus/$name
  mkdir -p "$corpus"
  echo "fuzz $name: $seconds s"
  log=$build/$name.log
  if "$build/tests/fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$build/$name-" "$corpus" "tests/fuzz/$name" >"$log" 2>&1; then
    sed -n 's/^stat::number_of_executed_units: */  inputs tried: /p' "$log"
  else
    tail -n 60 "$log"
    echo "fuzz $name: FAILED; the input lies in $build/$name-*" >&2
    status=1
  fi
done <"$build/tests/fuzz/targets.txt"
exit $status
