# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The programs that comparisons run: to their end, or beside what is measured."""

import contextlib
import json
import subprocess
import time

from rounds import CheckFailed

PROGRAM_SECONDS = 1800  # longer than any measurement of one round
BEGIN_SECONDS = 30  # until a program that stays is there
END_SECONDS = 30


def output_of(*command):
    """What a program prints; CheckFailed with it when the program fails."""
    result = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=PROGRAM_SECONDS, check=False)
    if result.returncode != 0:
        raise CheckFailed(f"{command[0]} ended with status {result.returncode}: {result.stdout}")
    return result.stdout


def parse_object(output, program):
    """The JSON object in `output`; programs may print lines before it."""
    with contextlib.suppress(ValueError):
        return json.loads(output[output.index("{") : output.rindex("}") + 1])
    raise CheckFailed(f"{program} printed no JSON: {output}")


@contextlib.contextmanager
def staying(sign, log, *command):
    """A program that runs until the block ends, which begins once `sign()` is true. What it prints goes to the file `log`."""
    with open(log, "w", encoding="utf-8") as printed, subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=printed, stderr=printed) as running:
        try:
            until = time.monotonic() + BEGIN_SECONDS
            while not sign():
                if time.monotonic() > until or running.poll() is not None:
                    raise CheckFailed(f"{command[0]} does not listen: {log.read_text(encoding='utf-8')}")
                time.sleep(0.02)
            yield running
        finally:
            running.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(END_SECONDS)
            running.kill()


@contextlib.contextmanager
def sink(programs, folder, *flags):
    """A ckpt-sink; gives its URL and the process. Its files are in `folder`, which is there and has none of another sink."""
    port = folder / "port"

    def listens():
        return port.exists() and port.read_text(encoding="ascii").strip() != ""

    with staying(listens, folder / "sink.log", programs / "ckpt-sink", "--port", "0", "--port-file", port, *flags) as running:
        yield f"http://127.0.0.1:{port.read_text(encoding='ascii').strip()}", running
