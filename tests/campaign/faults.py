# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What is done to a round while it runs."""

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time

from actors import CONTROL_PORT

GREETING = b"\xff\0\0\0\0\0\0\0\1\x7f\3\1NULL" + bytes(48)
READY = b"\4\x19\5READY\x0bSocket-Type\0\0\0\3REP"
AGREEMENT = b"\1\0\0\0"
# Run on the host: abstract sockets and loopback ports belong to a network namespace.
STRANGER = textwrap.dedent("""
    import socket, sys, time
    kind, target, words = sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3])
    family, where = (socket.AF_UNIX, "\\0" + target) if kind == "channel" else (socket.AF_INET, ("0.0.0.0", int(target)))
    until, open_ones = time.monotonic() + 2, []
    while time.monotonic() < until:
        one = socket.socket(family, socket.SOCK_STREAM)
        try:
            one.settimeout(0.2)
            one.connect(where)
            one.sendall(words)
            open_ones.append(one)
        except OSError:
            pass
        time.sleep(0.05)
""")


def stop_for(process, seconds):
    """Stops the process now; the function that is returned lets it go on."""
    process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    process.send_signal(signal.SIGCONT)


def act_on_node(round_, fault):
    process = round_.nodes[fault.host].process
    if fault.what == "stop":
        stop_for(process, fault.lasts)
    else:
        process.send_signal({"kill": signal.SIGKILL, "terminate": signal.SIGTERM, "interrupt": signal.SIGINT}[fault.what])


def act_on_engine(round_, fault):
    process = round_.engines[fault.host].process
    if fault.what == "stop":
        stop_for(process, fault.lasts)
    else:
        process.kill()
        process.wait()  # So that it is seen to be gone.


def act_on_files(round_, fault):
    file = sorted(round_.checkpoint.glob("*.safetensors"))[-1]
    size = file.stat().st_size
    if fault.what == "rewritten":
        with open(file, "r+b") as writer:
            writer.seek(size - 1)
            last = writer.read(1)
            writer.seek(size - 1)
            writer.write(bytes([last[0] ^ 1]))
    elif fault.what == "truncated":
        os.truncate(file, size // 2)
    elif fault.what == "extended":
        with open(file, "ab") as writer:
            writer.write(b"more")
    elif fault.what == "replaced":
        other = file.with_name("other.part")
        shutil.copyfile(file, other)
        other.rename(file)
    elif fault.what == "removed":
        file.unlink()
    else:
        os.utime(file)


def act_as_stranger(round_, fault):
    kind, words = fault.what.split("-")
    said = {"silent": b"", "garbage": b"GET / HTTP/1.1\r\n\r\n" * 9, "liar": GREETING + READY + AGREEMENT * 24}[words]
    target = str(CONTROL_PORT)
    if kind == "channel":
        until = time.monotonic() + 2
        while not (seen := re.search(r"(GPU-[0-9a-f-]{36})", round_.nodes[fault.host].output())):
            if time.monotonic() > until:
                return
            time.sleep(0.01)
        target = f"checkpoint-engine-{seen[1]}-0.sock"
    command = round_.hosts.command(fault.host, [sys.executable, "-c", STRANGER, kind, target, said.hex()])
    subprocess.run(command, check=False, timeout=60)


def act_on_cable(round_, fault):
    round_.hosts.plug(fault.host, False)
    time.sleep(fault.lasts)
    round_.hosts.plug(fault.host, True)


ACTS = {"node": act_on_node, "engine-signal": act_on_engine, "file": act_on_files, "stranger": act_as_stranger,
        "cable": act_on_cable}


def strike(round_, fault):
    """Does what the fault is, at its moment, and returns when it is over."""
    if fault.kind in ACTS:
        time.sleep(fault.after)
        ACTS[fault.kind](round_, fault)
