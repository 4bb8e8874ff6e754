#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Configures and builds with as many jobs as the machine, or the container, has cores and memory for.
#
#   apps/build.sh FOLDER [CMake options] [-- targets]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Memory that a translation unit with CAF or Boost.Beast may take to compile. Two at a time can be too much for small
# machines.
readonly job_kib=$((900 * 1024))

# Cores that this process may use: its affinity, and the quota of its control group.
usable_cores() {
  local cores quota period
  cores=$(nproc)
  if read -r quota period 2>/dev/null </sys/fs/cgroup/cpu.max && [[ $quota != max ]]; then
    local allowed=$(((quota + period - 1) / period))
    ((allowed < cores)) && cores=$allowed
  fi
  echo "$cores"
}

# Memory in KiB that is free now, and that the control group has left.
usable_kib() {
  local kib limit used
  kib=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo 2>/dev/null || true)
  kib=${kib:-$job_kib}
  if read -r limit 2>/dev/null </sys/fs/cgroup/memory.max && [[ $limit != max ]] &&
    read -r used 2>/dev/null </sys/fs/cgroup/memory.current; then
    local left=$(((limit - used) / 1024))
    ((left < kib)) && kib=$left
  fi
  echo "$kib"
}

folder=${1:?usage: apps/build.sh FOLDER [CMake options] [-- targets]}
shift
options=()
while (($# > 0)) && [[ $1 != -- ]]; do
  options+=("$1")
  shift
done
(($# > 0)) && shift

jobs=$(usable_cores)
by_memory=$(($(usable_kib) / job_kib))
((by_memory < jobs)) && jobs=$by_memory
((jobs < 1)) && jobs=1

cmake -S . -B "$folder" -G Ninja "${options[@]}" >/dev/null
ninja --quiet -C "$folder" -j "$jobs" "$@"
