# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The virtual hosts of virtual-hosts.sh for Python."""

import os
import pathlib
import subprocess
import sys
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
