# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Whole updates into the published checkpoint_engine.worker on this machine's torch. See engine_host.py."""

import json
import sys

from checks import checkpoints
from checks.packages import require_worker
from checks.processes import EngineHost, Program, update
from checks.results import CheckFailed

WRITE_SECONDS = 150


def write_checkpoint(place):
    """Every dtype that torch and safetensors have; returns the folder and what dtypes.py says of it."""
    folder = place.in_work("every-dtype")
    command = [sys.executable, "-B", "-m", "checks.dtypes", place.interop, folder, place.device]
    with Program(place, command, "dtypes") as writer:
        if writer.wait(WRITE_SECONDS) != 0:
            raise CheckFailed(writer.last_words())
        return folder, json.loads(writer.output().splitlines()[-1])


def check_update(place, host, checkpoint, tensors, *flags):
    """An update after which the worker has every tensor, bit for bit."""
    report = update(place, checkpoint, host.url, *flags)
    seen = host.worker()
    if seen["error"] or seen["wrong"] or seen["tensors"] != tensors:
        raise CheckFailed(f"{seen['tensors']} of {tensors} tensors; wrong: {seen['wrong']}; error: {seen['error']}")
    return report


def handle_flags(place):
    """The forms in which a GPU's memory can be named; host memory has one, which has no name."""
    if not place.on_gpu:
        return {"shared memory": ()}
    return {form + " handle": ("--ipc-handle", form) for form in ("versioned", "raw")}


def run(place, recorder):
    require_worker(place.worker_packages)
    folder, about = write_checkpoint(place)
    note = f"{len(about['dtypes'])} dtypes: {' '.join(about['dtypes'])}; seed {about['seed']}"
    for name, why in about["left_out"].items():
        recorder.not_run(f"dtype {name}", f"torch or safetensors cannot do with it: {why}")
    with EngineHost(place, folder) as host:
        for form, flags in handle_flags(place).items():
            with recorder.attempt(f"from disk, {form}"):
                checkpoints.drop_from_page_cache(folder)
                check_update(place, host, folder, about["tensors"], *flags)
                recorder.ok(f"from disk, {form}", f"{about['tensors']} tensors", note=note)
        with recorder.attempt("from /dev/shm, buckets of 4 MiB"), checkpoints.in_memory(folder) as copy:
            check_update(place, host, copy, about["tensors"], "--bucket-size", "4MiB")
            recorder.ok("from /dev/shm, buckets of 4 MiB", f"{about['tensors']} tensors")
