#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# The checks that need a GPU: see README.md. Runs from the archive that pack.sh makes, or from the source tree.
#
#   run.sh [--out DIR] [--scratch DIR] [--size 16GiB] [--limit SECONDS] [STEP…]        --help lists the rest
#
# PYTHON names an interpreter with torch, numpy and safetensors [python3].
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PYTHONPATH=$here${PYTHONPATH:+:$PYTHONPATH}
export PATH=$PATH:/usr/local/cuda/bin:/usr/sbin:/sbin:$here/support/bin
exec "${PYTHON:-python3}" -B -m checks "$@"
