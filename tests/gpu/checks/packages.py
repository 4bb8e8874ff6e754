# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Python packages that come along as wheels. They are unpacked, not installed: the machine may have no pip, and its own
environment stays as it is."""

import pathlib
import shutil
import subprocess
import sys
import zipfile

from checks.results import NotRun

IMPORT_SECONDS = 120  # of torch from a cold disk

# In a process of its own: an interpreter that has loaded torch keeps it.
WORKER_SCRIPT = """
import importlib.util, sys
sys.path.append(sys.argv[1])
import numpy, safetensors.torch, torch, zmq
if not importlib.util.find_spec("checkpoint_engine"):
    sys.exit("there is no package checkpoint_engine")
"""


def unpack(wheels, target):
    """Unpacks all wheels of a folder into `target`, anew. Returns its path, or an empty text where there are none."""
    found = sorted(pathlib.Path(wheels).glob("*.whl")) if pathlib.Path(wheels).is_dir() else []
    target = pathlib.Path(target)
    shutil.rmtree(target, ignore_errors=True)
    for wheel in found:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
    # What a wheel wants beside the packages' own folders.
    for extra in list(target.glob("*.data/purelib")) + list(target.glob("*.data/platlib")):
        shutil.copytree(extra, target, dirs_exist_ok=True)
    return str(target.resolve()) if found else ""


def require_worker(folder):
    """NotRun where the real worker, or torch, cannot be loaded."""
    command = [sys.executable, "-B", "-c", WORKER_SCRIPT, folder]
    result = subprocess.run(command, capture_output=True, text=True, timeout=IMPORT_SECONDS, check=False)
    if result.returncode != 0:
        why = (result.stderr.strip().splitlines() or [f"status {result.returncode}"])[-1]
        raise NotRun(f"the real worker cannot be loaded here: {why}")


def add_to_path(folder):
    """Last: what the interpreter has of its own comes first."""
    if folder and folder not in sys.path:
        sys.path.append(folder)
