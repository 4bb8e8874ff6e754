#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Installs what this project needs from Debian 12's own packages, and nothing when all of it is there already.
#
#   apps/install-dependencies.sh          to build and run the programs
#   apps/install-dependencies.sh tests    to build and run the tests as well
#   apps/install-dependencies.sh checks   to run everything that .ci/run does
set -euo pipefail

wanted=${1:-programs}

packages=(
  g++ cmake ninja-build pkg-config
  libcaf-dev libssl-dev            # actors
  liburing-dev                     # disk
  libzmq3-dev cppzmq-dev           # the channel to an engine's workers
  libucx-dev                       # bytes between hosts
  libboost1.81-dev libboost-json1.81-dev
  libcli11-dev libspdlog-dev libxxhash-dev
)
tests=(libgtest-dev libgmock-dev python3-venv ca-certificates iproute2 ucx-utils openssl
  slurmctld slurmd slurm-client munge) # a small Slurm of the tests' own
checks=(git ccache clang clang-format libclang-rt-14-dev libbenchmark-dev)

case $wanted in
  programs) ;;
  tests) packages+=("${tests[@]}") ;;
  checks) packages+=("${tests[@]}" "${checks[@]}") ;;
  *)
    echo "$0: unknown set '$wanted': expected programs, tests or checks" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "$0: this is no Debian or Ubuntu. Install the equivalents of: ${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null || true)
  [[ $state == ii* ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  exit 0
fi

if ((EUID != 0)); then
  echo "$0: packages are missing, and only root can install them. Run this as root:" >&2
  echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

echo "Installing ${#missing[@]} packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# A mirror of another project that is down must not stop this; a missing package stops the next line.
apt-get update -qq || echo "$0: apt-get update reported errors; going on with what it got" >&2
# The tests start daemons of their own, so those of Debian's packages, such as Slurm's, must not run.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
  trap 'rm -f $policy' EXIT
fi
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
