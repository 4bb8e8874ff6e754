# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Python packages that come along as wheels. They are unpacked, not installed: the machine may have no pip, and its own
environment stays as it is."""

import pathlib
import shutil
import sys
import zipfile


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


def add_to_path(folder):
    """Last: what the interpreter has of its own comes first."""
    if folder and folder not in sys.path:
        sys.path.append(folder)
