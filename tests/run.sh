#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing, builds, and runs every test that needs no GPU. Ends with the runner's summary.
#
# The tests against the real worker need Python's torch, which takes 5 GiB in build/python; it is made once. Arguments
# are passed on to ctest.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

apps/install-dependencies.sh tests

# checkpoint-engine goes in without what it depends on: its worker needs only the packages of the other file.
readonly python=build/python
readonly worker='checkpoint-engine==0.4.2'
recipe="$worker
$(<tests/interop/requirements.txt)"
if [[ $(cat $python/recipe 2>/dev/null) != "$recipe" ]]; then
  echo "Making the Python environment for the tests against the real worker in $python"
  rm -rf $python
  mkdir -p build
  python3 -m venv $python
  $python/bin/pip install --quiet --no-cache-dir --disable-pip-version-check -r tests/interop/requirements.txt
  $python/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --no-deps "$worker"
  printf '%s' "$recipe" >$python/recipe # last: an interrupted installation is started anew
fi

apps/build.sh build -DCKPT_TESTS=ON -DCKPT_TEST_PYTHON="$PWD/$python/bin/python"
# Hosts are taken for lost when they are silent for seconds, which a machine that is busy with other things can make of a
# sound one: tests of clusters get a second chance, those of everything else do not.
status=0
ctest --test-dir build --output-on-failure -L cluster --repeat until-pass:2 "$@" || status=$?
ctest --test-dir build --output-on-failure -j 2 -LE cluster "$@" || status=$?
exit $status
