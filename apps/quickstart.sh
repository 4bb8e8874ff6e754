#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# The whole way once, on any machine with Debian 12: installs, builds, writes a sharded checkpoint of about 1 GiB, starts
# ckpt-sink in place of an inference engine with two workers, and moves the checkpoint into it twice: once for the rate,
# once with every byte compared. Needs no GPU. Leaves nothing behind but the build in build/.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly workers=2
readonly programs=build/apps

say() { printf '\n== %s\n' "$*"; }

say "1/4 Install and build"
apps/install-dependencies.sh programs
apps/build.sh build -DCKPT_TESTS=OFF -- ckpt-actor-node ckpt-sink ckpt-bench

scratch=$(mktemp -d build/quickstart.XXXXXX)
sink=
clean_up() {
  if [[ -n $sink ]]; then
    kill "$sink" 2>/dev/null || true
    wait "$sink" 2>/dev/null || true
  fi
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "quickstart: $*" >&2
  [[ ! -s $scratch/sink.log ]] || sed 's/^/  ckpt-sink: /' "$scratch/sink.log" >&2
  exit 1
}

say "2/4 Write a checkpoint of about 1 GiB in 4 shards, with an index"
"$programs/ckpt-bench" write --path "$scratch/checkpoint" --size 1GiB --shards 4

# Moves the checkpoint into a new engine once; the reports go to $scratch/$1.{engine,verdict}.json. The other arguments
# are the engine's.
update() {
  local name=$1
  shift
  rm -f "$scratch/port"
  "$programs/ckpt-sink" --workers $workers --port-file "$scratch/port" --updates 1 \
    --report "$scratch/$name.engine.json" "$@" >"$scratch/sink.log" 2>&1 &
  sink=$!
  local i
  for ((i = 0; i < 300; ++i)); do
    [[ ! -s $scratch/port ]] || break
    kill -0 "$sink" 2>/dev/null || fail "ckpt-sink ended before it listened"
    sleep 0.1
  done
  [[ -s $scratch/port ]] || fail "ckpt-sink did not listen within 30 s"
  "$programs/ckpt-actor-node" --checkpoint-path "$scratch/checkpoint" \
    --endpoint "http://127.0.0.1:$(<"$scratch/port")" --inference-parallel-size $workers --device host \
    --devices $workers --weight-version "$name" --report "$scratch/$name.verdict.json" ||
    fail "the update failed with exit status $?"
  wait "$sink" || fail "the engine is not content"
  sink=
}

say "3/4 Move it into ckpt-sink, an engine of $workers workers that takes a copy of every tensor"
update rate
rate=$(sed -n 's/.*"bytes_per_second":\([0-9.eE+]*\),"engines".*/\1/p' "$scratch/rate.verdict.json")

say "4/4 Once more, into an engine that compares every byte with the checkpoint"
update comparison --verify "$scratch/checkpoint"
# The node says that every worker acknowledged every tensor; the engine says what they really hold.
grep -q '"verified":true' "$scratch/comparison.engine.json" || fail "the engine did not compare the tensors"
tensors=$(sed -n 's/.*"files":[0-9]*,"tensors":\([0-9]*\).*/\1/p' "$scratch/comparison.verdict.json")
[[ -n $rate && -n $tensors ]] || fail "the report lacks the rate or the number of tensors"

awk -v rate="$rate" -v tensors="$tensors" -v workers=$workers 'BEGIN {
  printf "\nVerdict: updated at %.2f GiB/s. Each of the %d tensors arrived bit for bit in all %d workers.\n", \
         rate / 2^30, tensors, workers }'
