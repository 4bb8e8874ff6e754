#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Packs everything that the checks on a GPU need into one archive, which runs from any folder of a machine without
# network: the bundle of the programs, the tests of gpu/, the scripts, and wheels for Python 3.12.
#
#   tests/gpu/pack.sh [BUILD FOLDER [ARCHIVE]]
#
# Wheels are fetched once, into BUILD FOLDER/gpu-wheels. Those of other loaders are for comparison: one that cannot be
# had is left out.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${1:-build}
archive=${2:-$build/ckpt-actor-gpu-checks.tar.gz}
readonly bytes_max=$((60 << 20))
readonly loaders=(fastsafetensors==0.5.0 runai-model-streamer==0.16.1 humanize==4.17.0 instanttensor==0.2.2)

fail() {
  echo "$0: $*" >&2
  exit 1
}

[[ -x $build/tests/cuda_tests ]] || fail "$build/tests has no cuda_tests: build it first"

# The worker's packages have the versions that the tests on the CPU run with.
mapfile -t worker < <(
  grep -E '^(pyzmq|loguru)==' tests/interop/requirements.txt
  grep -oE 'checkpoint-engine==[0-9.]+' tests/run.sh | head -n 1
)
((${#worker[@]} == 3)) || fail "the versions of pyzmq, loguru and checkpoint-engine are not where they were"

# What belongs to the host is not packed, as in the bundle; the bundle's own script says what that is.
of_the_host=$(sed -n "s/^readonly of_the_host='\(.*\)'\$/\1/p" apps/bundle.sh)
[[ -n $of_the_host ]] || fail "apps/bundle.sh no longer says which libraries are the host's"

fetch() { # FOLDER NAME==VERSION
  local folder=$1 name=${2%%==*} version=${2##*==}
  ! compgen -G "$folder/${name//-/_}-$version-*.whl" >/dev/null || return 0
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
    --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 \
    --platform manylinux_2_17_x86_64 -d "$folder" "$2"
}

# Virtual hosts need it, and small machines lack it. Run by the loader: were its libraries in LD_LIBRARY_PATH, what it
# starts would inherit them.
pack_iproute2() {
  local program library path
  program=$(PATH=$PATH:/usr/sbin:/sbin command -v ip) || {
    echo "no iproute2 here: the ranks of NCCL need the machine's own"
    return 0
  }
  mkdir -p "$checks/support/bin/iproute2"
  cp -L "$program" "$checks/support/bin/iproute2/ip"
  cp /usr/share/doc/iproute2/copyright "$checks/support/bin/iproute2/" || fail "iproute2 has no licence here"
  while read -r library path; do
    cp -L "$path" "$checks/support/bin/iproute2/$library"
  done < <(ldd "$program" | awk -v host="$of_the_host" '$2 == "=>" && $1 !~ host { print $1, $3 }')
  cat >"$checks/support/bin/ip" <<'END'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")/iproute2
exec /lib64/ld-linux-x86-64.so.2 --library-path "$here" "$here/ip" "$@"
END
  chmod +x "$checks/support/bin/ip"
}

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
checks=$stage/gpu-checks
mkdir -p "$checks"/{programs,interop,support,wheels/{worker,loaders}} "$build"/gpu-wheels/{worker,loaders}

for package in "${worker[@]}"; do
  fetch "$build/gpu-wheels/worker" "$package" || fail "$package cannot be had"
  cp "$build/gpu-wheels/worker/$(tr - _ <<<"${package%%==*}")-${package##*==}"-*.whl "$checks/wheels/worker/"
done
for package in "${loaders[@]}"; do
  if fetch "$build/gpu-wheels/loaders" "$package"; then
    cp "$build/gpu-wheels/loaders/$(tr - _ <<<"${package%%==*}")-${package##*==}"-*.whl "$checks/wheels/loaders/"
  else
    echo "$package cannot be had: no comparison with it"
  fi
done

apps/bundle.sh "$build" "$stage/bundle.tar.gz"
tar -xzf "$stage/bundle.tar.gz" -C "$checks/programs" --strip-components=1
cp "$build/tests/cuda_tests" "$checks/programs/bin/"
strip --strip-debug "$checks/programs/bin/cuda_tests"
while read -r library path; do
  [[ $path == /* ]] || fail "$library, which cuda_tests needs, was not found"
  [[ -e $checks/programs/lib/$library ]] || cp -L "$path" "$checks/programs/lib/$library"
done < <(ldd "$build/tests/cuda_tests" | awk -v host="$of_the_host" '$2 == "=>" && $1 !~ host { print $1, $3 }')

cp -r tests/gpu/{run.sh,README.md,checks} tests/gpu/checks_*.py apps/bench/{page_cache,rounds}.py "$checks/"
find "$checks/checks" -name __pycache__ -prune -exec rm -rf {} +
cp tests/interop/*.py "$checks/interop/"
cp tests/support/virtual-hosts.sh "$checks/support/"
pack_iproute2
cp LICENSE "$checks/"
compiler=$(sed -n 's/^CMAKE_CUDA_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
"$compiler" --version | sed -n 's/.*release //p' >"$checks/cuda"
git describe --always --dirty --abbrev=40 2>/dev/null >"$checks/commit" || echo unknown >"$checks/commit"

mkdir -p "$(dirname "$archive")"
tar --sort=name --owner=0 --group=0 --numeric-owner -C "$stage" -czf "$archive.new" gpu-checks
(($(stat -c %s "$archive.new") <= bytes_max)) || fail "$archive.new is larger than $((bytes_max >> 20)) MiB"
mv "$archive.new" "$archive"
echo "$archive: $(du -h "$archive" | cut -f1), of commit $(<"$checks/commit")"
