# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What can only be checked on a GPU. See ../README.md; __main__.py is where to start reading."""

import pathlib
import sys

# The comparisons' modules: beside this folder in the archive, else in the source tree.
HERE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE if (HERE / "rounds.py").exists() else HERE.parent.parent / "apps" / "bench"))
