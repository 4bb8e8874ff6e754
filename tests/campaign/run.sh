#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Rounds of updates to which something is done, by lot; see campaign.py, which has the flags. Ends with the numbers of rounds
# that passed and failed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec env PYTHONDONTWRITEBYTECODE=1 python3 tests/campaign/campaign.py "$@"
