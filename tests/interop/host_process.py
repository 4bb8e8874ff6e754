# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""A running engine_host.py, or another program that serves as it does, for tests of any Python."""

import json
import subprocess
import urllib.request


class HostProcess:
    """`options` are subprocess.Popen's."""

    def __init__(self, *command, **options):
        command = [str(word) for word in command]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        self.url = f"http://127.0.0.1:{json.loads(self.process.stdout.readline())['port']}"

    def verdict(self):
        with urllib.request.urlopen(self.url + "/verdict", timeout=60) as answer:
            return json.load(answer)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(60)
