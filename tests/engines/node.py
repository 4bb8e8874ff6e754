# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""ckpt-actor-node as a process of the test."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

# For any update here, on a busy machine, with the server's start in it.
END_SECONDS_MAX = 500

# Of all nodes that have ended: a device is called the same for as long as its engine has the same address.
device_uuids = set()


def shared_files_of(uuids):
    return [path for uuid in uuids for path in pathlib.Path("/dev/shm").glob(f"ckpt-actor-*{uuid}*")]


def remove_marks():
    """What nodes have left for engines that will not come back."""
    for path in shared_files_of(device_uuids):
        path.unlink(missing_ok=True)


class Node:
    """A running node; a context that ends it."""

    def __init__(self, program, engine, checkpoint, endpoints, *flags, timeout=120, key="the right key", launcher=()):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="node-"))
        self.report_path = self.directory / "report.json"
        self.log = self.directory / "log"
        key_file = self.directory / "key"
        key_file.write_text(key)
        self.command = [*launcher, program, "--engine", engine, "--device", "host"]
        if checkpoint is not None:
            self.command += ["--checkpoint-path", checkpoint]
        for endpoint in endpoints:
            self.command += ["--endpoint", endpoint]
        if "--inference-parallel-size" not in flags:
            self.command += ["--inference-parallel-size", 1]
        self.command += ["--api-key-file", key_file, "--timeout", timeout, "--report", self.report_path, *flags]
        self.command = [str(argument) for argument in self.command]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        device_uuids.update(self.uuids())
        shutil.rmtree(self.directory, ignore_errors=True)

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self, seconds_max=END_SECONDS_MAX):
        """Its exit status; fails the test when it does not end."""
        try:
            return self.process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the node has not ended after {seconds_max} s\n{self}") from None

    def uuids(self):
        return set(re.findall(r"GPU-([0-9a-f-]{36})", self.output))

    def shared_files(self):
        """What is in /dev/shm for its devices: its own files, and a mark when it or one before it left a worker behind."""
        return shared_files_of(self.uuids())

    @property
    def output(self):
        return self.log.read_text(errors="replace")

    @property
    def report(self):
        return json.loads(self.report_path.read_text())

    def __str__(self):
        return f"{' '.join(self.command)}\nexit status {self.process.returncode}\n{self.output}"
