# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Whole updates into ckpt-sink, which opens the ring through CUDA IPC and compares every byte with the checkpoint."""

from checks import checkpoints
from checks.processes import END_SECONDS, Sink, update
from checks.results import CheckFailed

SIZE = "1GiB"


def verified_update(place, recorder, name, checkpoint, *flags):
    with recorder.attempt(name), Sink(place, "--verify", checkpoint, "--updates", 1) as sink:
        report = update(place, checkpoint, sink.url, *flags)
        status = sink.wait(END_SECONDS)
        last = sink.updates()[-1]
        if status != 0 or not last["success"] or last["verified"] is not True:
            raise CheckFailed(f"ckpt-sink ended with {status}: {last['error']}; {sink.last_words()}")
        if last["bytes"] != report["checkpoint"]["bytes"]:
            raise CheckFailed(f"{last['bytes']} bytes came of {report['checkpoint']['bytes']}")
        recorder.ok(name, f"{last['tensors']} tensors", note=f"{report['plan']['buckets']} buckets, both exit codes 0")


def run(place, recorder):
    checkpoint = checkpoints.synthetic(place, SIZE, "--dtype", *checkpoints.DTYPES, "--edge-cases")
    with Sink(place) as sink:  # If a node on this GPU was killed before, this update is aborted first, and then made.
        update(place, checkpoint, sink.url)
    checkpoints.drop_from_page_cache(checkpoint)
    verified_update(place, recorder, "from disk, bit for bit", checkpoint)
    # The ring goes round many times, and staging memory is short.
    verified_update(place, recorder, "through small buckets, bit for bit", checkpoint, "--bucket-size", "4MiB",
                    "--host-memory", "32MiB")
    with recorder.attempt("from /dev/shm, bit for bit"), checkpoints.in_memory(checkpoint) as copy:
        verified_update(place, recorder, "from /dev/shm, bit for bit", copy)
