#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Updates real SGLang and vLLM servers on this machine's CPU with ckpt-actor-node, and models of them and of LMDeploy that are
# nothing but parameters. Makes what is missing for it in build/engines.
#
#   tests/engines/run.sh [--all | --pace] [NODE [TEST…]]
#
# Without --all: what fits into some minutes. --pace: no tests, but how long an update takes beside SGLang's own loading. NODE: the program, build/apps/ckpt-actor-node unless given. TEST: as unittest
# names them, such as updates_test.SglangUpdates.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$repository/tests/engines
engines=$repository/build/engines

all=0
models=(llama qwen3_moe_tied deepseek_v3)
pace=0
if [[ ${1:-} == --all ]]; then
  all=1
  models+=(qwen3_tied llama_large)
  shift
elif [[ ${1:-} == --pace ]]; then
  pace=1
  models=(llama_large)
  shift
fi
node=$(realpath "${1:-$repository/build/apps/ckpt-actor-node}")
shift || true
tests=("$@")
[[ ${#tests[@]} -gt 0 ]] || tests=(cold_start_test updates_test traffic_test joining_test failures_test fused_tensors_test prove_test torchrun_test loaders_test)

"$here/make-environments.sh" "$engines/python"
echo "Models and what transformers answers with them, in $engines/models"
"$engines/python/bin/python" "$here/tiny_models.py" "$engines/models" "${models[@]}"

# The servers' logs of this run.
rm -rf "$engines/logs"
mkdir "$engines/logs"

cd "$here"
export ENGINES_PYTHON=$engines/python/bin/python ENGINES_MODELS=$engines/models ENGINES_LOGS=$engines/logs ENGINES_NODE=$node
export ENGINES_ALL=$all PYTHONDONTWRITEBYTECODE=1
if ((pace)); then
  python3 pace.py
else
  python3 -m unittest --verbose "${tests[@]}"
fi
