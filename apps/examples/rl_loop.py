# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""A training loop that brings its weights into a live engine after every step.

Trains a toy model on the CPU, writes each step to a new directory in /dev/shm, publishes it, and makes sure that the engine
says that it serves it. Needs torch and safetensors, a resident node, and the engine that the node updates:

    ckpt-sink --workers 1 --port 30000 --readiness serving &
    ckpt-actor-node serve --device host --inference-parallel-size 1 --endpoint http://127.0.0.1:30000 \\
                          --listen unix:/tmp/ckpt.sock --resident-memory 1GiB &
    python apps/examples/rl_loop.py --node unix:/tmp/ckpt.sock --engine http://127.0.0.1:30000
"""

import argparse
import json
import pathlib
import shutil
import sys
import tempfile
import urllib.request

import safetensors.torch
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))
from ckpt_actor import Client  # noqa: E402


def served_version(engine: str) -> str:
    with urllib.request.urlopen(engine + "/model_info", timeout=30) as answer:
        return json.load(answer)["weight_version"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--node", required=True, help="where the node listens: unix:PATH or ADDRESS:PORT")
    parser.add_argument("--engine", required=True, help="address of the engine's server")
    parser.add_argument("--steps", type=int, default=5)
    flags = parser.parse_args()

    model = torch.nn.Sequential(torch.nn.Linear(256, 1024), torch.nn.ReLU(), torch.nn.Linear(1024, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    node = Client(flags.node)
    directories = []
    try:
        for step in range(flags.steps):
            inputs = torch.randn(64, 256)
            loss = ((model(inputs) - inputs.sum(1, keepdim=True)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

            # Every version gets a directory of its own: one that is being read is never written to.
            directories.append(pathlib.Path(tempfile.mkdtemp(prefix=f"step-{step}-", dir="/dev/shm")))
            safetensors.torch.save_file(model.state_dict(), directories[-1] / "model.safetensors")
            version = directories[-1].name  # Unlike that of any other run against the same node.
            done = node.publish(directories[-1], version).wait()
            assert served_version(flags.engine) == version
            pause = done["report"]["engines"][0]["pause"]
            seconds = 0 if pause is None else pause["seconds"]
            print(f"step {step}: loss {loss.item():.3f}; the engine serves it, paused for {seconds * 1000:.0f} ms")
        node.rollback().wait()
        print("rolled back to " + served_version(flags.engine))
    finally:
        for directory in directories:
            shutil.rmtree(directory)


if __name__ == "__main__":
    main()
