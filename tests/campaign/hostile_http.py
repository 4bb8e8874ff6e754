#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Hundreds of hostile HTTP connections to one resident node at a time: silent ones, slow ones, endless ones, ones without the
key, requests with random bytes changed. Meanwhile callers who have the key must be served, and the node's memory must stay.

    python3 tests/campaign/hostile_http.py --connections 1000
"""

import argparse
import asyncio
import contextlib
import functools
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "apps" / "python"))
from ckpt_actor import Client  # noqa: E402
from endurance import end, measure, start  # noqa: E402

KEY = "the key of those who may"
ANSWER_SECONDS_MAX = 5
GROWTH_KIB_MAX = 64 << 10
PIECE_SECONDS = 0.1  # between the pieces of what has no end: all connections together have one processor
GIVE_UP_SECONDS = 10  # a hostile connection begins anew after that
HEAD = f"POST /v1/updates HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {KEY}\r\n"


def drip(text):
    async def send(writer):
        for byte in text.encode():
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.2)
    return send


def endless(head, piece):
    async def send(writer):
        writer.write(head.encode())
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(PIECE_SECONDS)
    return send


async def silent(_):
    await asyncio.sleep(GIVE_UP_SECONDS)


async def without_key(writer):
    while True:
        writer.write(b"GET /v1/versions HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer no\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def changed(writer):
    """A sound request in which some bytes are others."""
    body = '{"checkpoint_path": "/nowhere", "version": "v", "engines": [], "pause": "none"}'
    request = bytearray(f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode())
    for _ in range(random.randint(1, 8)):
        request[random.randrange(len(request))] = random.randrange(256)
    writer.write(request)
    await writer.drain()
    await asyncio.sleep(0.2)


async def never_reads(writer):
    while True:
        writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: node\r\n\r\n" * 16)
        await writer.drain()
        await asyncio.sleep(PIECE_SECONDS)


HOSTILE = (silent, drip(HEAD * 9), drip(f"{HEAD}Content-Length: 1000000\r\n\r\n" + "x" * 99), without_key, changed, never_reads,
           endless(HEAD, b"x" * 1000), endless(f"{HEAD}X: ", b"y" * 4096),
           endless(f"{HEAD}Content-Length: 99999999999\r\n\r\n", b"z" * 65536),
           endless(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n1;", b"e" * 4096),
           endless(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"Trailer: t\r\n" * 100),
           endless(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 1000))


async def stay_hostile(port, number, until):
    while time.monotonic() < until:
        writer = None
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), GIVE_UP_SECONDS)
            del reader  # Its limit stops the transport from reading.
            await asyncio.wait_for(HOSTILE[number % len(HOSTILE)](writer), GIVE_UP_SECONDS)
        if writer:
            writer.close()
        await asyncio.sleep(0.05)


async def ask(clients, checkpoint, until):
    """Asks in turn by each way. Returns how long every answer took."""
    seconds, number = [], 0
    while time.monotonic() < until:
        for client in clients:
            number += 1
            began = time.monotonic()
            if number % 10 == 0:
                update = await asyncio.to_thread(client.publish, checkpoint, f"step-{number}")
                seconds.append(time.monotonic() - began)
                await asyncio.to_thread(update.wait, 60)
            else:
                await asyncio.to_thread(client.versions)
                seconds.append(time.monotonic() - began)
            await asyncio.sleep(0.1)
    return seconds


async def attack(port, clients, checkpoint, node, options):
    until = time.monotonic() + options.seconds
    hostile = [asyncio.create_task(stay_hostile(port, number, until)) for number in range(options.connections)]
    asking = asyncio.create_task(ask(clients, checkpoint, until))
    peaks = []
    while not asking.done():
        peaks.append((await asyncio.to_thread(measure, node)))
    await asyncio.gather(*hostile)
    return await asking, peaks


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build" / "apps")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hostile-", dir="/dev/shm") as directory, contextlib.ExitStack() as programs:
        scratch, port = pathlib.Path(directory), free_port()
        checkpoint, key = scratch / "checkpoint", scratch / "key"
        key.write_text(KEY)
        key.chmod(0o600)
        subprocess.run([options.programs / "ckpt-bench", "write", "--path", checkpoint, "--size", "8MiB"], check=True,
                       stdout=subprocess.DEVNULL)

        run = functools.partial(start, options.programs, scratch, programs)
        run("ckpt-sink ready", "ckpt-sink", "--readiness", "serving", "--port-file", scratch / "port", "--verify", checkpoint)
        node = run("listening at", "ckpt-actor-node", "serve", "--device", "host", "--inference-parallel-size", "1", "--endpoint",
                     f"http://127.0.0.1:{(scratch / 'port').read_text().strip()}", "--resident-memory", "64MiB", "--listen",
                     f"unix:{scratch / 'node.sock'}", "--listen", f"127.0.0.1:{port}", "--listen-key-file", key)
        clients = [Client(f"unix:{scratch / 'node.sock'}"), Client(f"http://127.0.0.1:{port}", KEY)]
        clients[0].publish(checkpoint, "first").wait(60)
        before = measure(node)
        seconds, peaks = asyncio.run(attack(port, clients, checkpoint, node, options))
        time.sleep(2 * GIVE_UP_SECONDS)
        after, status = measure(node), end(node)
    growth = max(peak["rss_kib"] for peak in peaks) - before["rss_kib"]
    print(f"{len(seconds)} requests of callers with the key were answered, the slowest after {max(seconds):.2f} s")
    print(f"before: {before}; at most {growth / 1024:.1f} MiB and {max(peak['descriptors'] for peak in peaks)} descriptors "
          f"meanwhile; after: {after}, exit status {status}")
    passed = (max(seconds) < ANSWER_SECONDS_MAX and growth < GROWTH_KIB_MAX and status == 0
              and after["descriptors"] <= before["descriptors"])
    print("passed" if passed else "FAILED")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
