# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The virtual hosts of virtual-hosts.sh for Python."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

SCRIPT = pathlib.Path(__file__).parent / "virtual-hosts.sh"


def can_be_made():
    """False on a machine that cannot have them, which is said on standard error."""
    return subprocess.run([SCRIPT, "check"], check=False).returncode == 0


def address(host):
    return f"10.77.0.{host + 1}"


def wait_for(condition, what, seconds=60):
    """The program ends when it does not come in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            sys.exit(f"{what} has not come")
        time.sleep(0.02)


class VirtualHosts:
    """As many hosts as asked for, until the with statement ends."""

    def __init__(self, count):
        self.cluster = f"{os.getpid()}-0"
        self.count = count

    def __enter__(self):
        self._script("remove-stale")
        try:
            self._script("make", self.cluster, self.count)
        except subprocess.CalledProcessError:
            self._script("remove", self.cluster)
            raise
        return self

    def __exit__(self, *_):
        self._script("remove", self.cluster)

    def limit_disk(self, host, path, bytes_per_second):
        self._script("disk", self.cluster, host, path, bytes_per_second)

    def limit_link(self, host, bytes_per_second):
        self._script("rate", self.cluster, host, bytes_per_second)

    def plug(self, host, is_in):
        self._script("link", self.cluster, host, "up" if is_in else "down")

    def command(self, host, command):
        """What runs `command` on the host, under the same process id."""
        return [str(word) for word in (SCRIPT, "run", self.cluster, host, *command)]

    def start(self, host, command, log):
        with open(log, "wb") as output:
            return subprocess.Popen(self.command(host, command), stdin=subprocess.DEVNULL, stdout=output,
                                    stderr=subprocess.STDOUT)

    def start_engine(self, host, sink, port, log):
        """A ckpt-sink that listens; the program ends when it does not within a minute."""
        engine = self.start(host, [sink, "--port", port, "--consume", "touch"], log)
        wait_for(lambda: "ckpt-sink ready" in log.read_text(), "a ckpt-sink that listens")
        return engine

    @staticmethod
    def _script(*arguments):
        subprocess.run([SCRIPT, *map(str, arguments)], check=True)


@contextlib.contextmanager
def hosts_with_engines(count, programs, parent, size, port):
    """Virtual hosts, a ckpt-sink that listens at `port` on each, and a folder below `parent` with "checkpoint" of `size` in it.

    Yields hosts, folder, and a list: processes that are put into it are killed at the end, when all else is removed. Ends the
    program where hosts cannot be made."""
    if not can_be_made():
        sys.exit(1)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ckpt-cluster-", dir=parent.resolve()))
    started = []
    try:
        subprocess.run([programs / "ckpt-bench", "write", "--path", folder / "checkpoint", "--size", size], check=True)
        with VirtualHosts(count) as hosts:
            started += [hosts.start_engine(host, programs / "ckpt-sink", port, folder / f"engine-{host}.log")
                        for host in range(count)]
            yield hosts, folder, started
    finally:
        for process in started:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
