# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Plays an SGLang server whose workers run the real, unmodified checkpoint_engine.worker, on a machine without a GPU.

Every worker is a process that keeps a copy of each tensor it was given and, after an update, compares all of them
with what the real safetensors library reads from the checkpoint: names, dtypes, shapes and every byte.

    parent: HTTP ──POST──> one pipe per worker ──> worker.update_weights_from_ipc ──ZMQ──> the node under test
                 <── GET /verdict ── comparison

Prints one line of JSON, {"port": N}, once it listens. Ends with its standard input. GET /verdict gives the outcome of
the last update, one worker for each device:
{"devices": [uuid, …], "workers": [{"error": text or null, "tensors": N, "wrong": [text, …]}, …]}
"""

import argparse
import json
import multiprocessing
import pathlib
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WRONG_SHOWN_MAX = 20


def prepare_for_a_machine_without_gpu():
    """What update_weights_from_ipc needs of CUDA around the transfer, as far as CPU tensors can do without it. The
    worker itself stays as published; only its package's __init__, which imports the pusher's dependencies, is
    replaced by an empty module."""
    import importlib.util
    import types

    import torch

    package = types.ModuleType("checkpoint_engine")
    package.__path__ = list(importlib.util.find_spec("checkpoint_engine").submodule_search_locations)
    sys.modules["checkpoint_engine"] = package
    torch.cuda.is_available = lambda: True
    torch.cuda.synchronize = torch.cuda.ipc_collect = torch.cuda.empty_cache = lambda *_: None


def expected_tensors(checkpoint):
    """All tensors of the checkpoint as the real library reads them."""
    from safetensors import safe_open

    index = checkpoint / "model.safetensors.index.json"
    if index.exists():
        files = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    else:
        files = sorted(path.name for path in checkpoint.glob("*.safetensors"))
    for name in files:
        with safe_open(checkpoint / name, framework="pt") as file:
            for key in file.keys():
                yield key, file.get_tensor(key)


def difference(expected, seen):
    """In what `seen` is not `expected`; empty when they are the same bit for bit."""
    import torch

    if seen.dtype != expected.dtype:
        return f"dtype {seen.dtype} instead of {expected.dtype}"
    if seen.shape != expected.shape:
        return f"shape {tuple(seen.shape)} instead of {tuple(expected.shape)}"
    if expected.numel() == 0:
        return ""
    # Bytes, because values would hide a NaN's payload and the sign of zero.
    same = seen.reshape(-1).view(torch.uint8) == expected.reshape(-1).view(torch.uint8)
    return "" if bool(same.all()) else f"{int((~same).sum())} of {same.numel()} bytes differ"


class Collector:
    """The `load_weights` of a worker: keeps everything, and fails where it is told to."""

    def __init__(self, fail_at):
        self.fail_at = fail_at
        self.tensors = {}
        self.wrong = []

    def load(self, weights):
        for name, tensor in weights:
            if name == self.fail_at:
                raise RuntimeError(f"load_weights: no room for {name}")
            if name in self.tensors:
                self.wrong.append(f"{name}: came twice")
            self.tensors[name] = tensor.clone()

    def compare(self, checkpoint):
        missing = dict(self.tensors)
        for name, expected in expected_tensors(checkpoint):
            seen = missing.pop(name, None)
            text = "did not come" if seen is None else difference(expected, seen)
            if text:
                self.wrong.append(f"{name}: {text}")
        self.wrong += [f"{name}: is not in the checkpoint" for name in missing]


def run_worker(number, pipe, options):
    prepare_for_a_machine_without_gpu()
    import torch
    import zmq
    from checkpoint_engine.worker import update_weights_from_ipc

    torch.set_num_threads(1)
    context = zmq.Context()

    def hook():
        if options.fail_hook and number == 0:
            raise RuntimeError("post hook: cannot quantise")

    while (address := pipe.recv()) is not None:
        collector = Collector(options.fail_at if number == options.fail_worker else None)
        error = None
        try:
            update_weights_from_ipc(context, address, device_id=number, run=collector.load, post_hook=hook)
            collector.compare(options.checkpoint)
        except Exception:  # what a server would report as its failure
            error = traceback.format_exc()
        wrong = collector.wrong[:WRONG_SHOWN_MAX]
        pipe.send({"error": error, "tensors": len(collector.tensors), "wrong": wrong})


class Engine:
    """The workers, and what /model_info and /verdict tell about them. One update at a time."""

    def __init__(self, options):
        self.lock = threading.Lock()
        self.version = "default"
        self.verdict = None
        self.pipes = []
        self.processes = []
        spawn = multiprocessing.get_context("spawn")
        for number in range(options.workers):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=run_worker, args=(number, theirs, options), daemon=True)
            process.start()
            self.pipes.append(ours)
            self.processes.append(process)

    def update(self, request):
        with self.lock:
            devices = sorted(request["zmq_handles"])
            addresses = [request["zmq_handles"][device] for device in devices]
            if len(addresses) != len(self.pipes):
                return False, f"{len(addresses)} channels for {len(self.pipes)} workers"
            for pipe, address in zip(self.pipes, addresses):
                pipe.send(address)
            self.verdict = {"devices": devices, "workers": [pipe.recv() for pipe in self.pipes]}
            for worker in self.verdict["workers"]:
                if worker["error"]:
                    return False, worker["error"]
            if request.get("weight_version") is not None:
                self.version = request["weight_version"]
            return True, "IPC weight update completed"

    def close(self):
        for pipe in self.pipes:
            pipe.send(None)
        for process in self.processes:
            process.join(5)
            process.kill()


class Handler(BaseHTTPRequestHandler):
    engine = None

    def log_message(self, *_):
        pass

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/ping":
            self.answer(200, None)
        elif self.path == "/model_info":
            self.answer(200, {"model_path": "x", "weight_version": self.engine.version})
        elif self.path == "/verdict":
            with self.engine.lock:  # after the end of an update under way
                verdict = self.engine.verdict
            self.answer(200, verdict)
        else:
            self.answer(404, {"detail": "Not Found"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/update_weights_from_ipc":
            self.answer(404, {"detail": "Not Found"})
        elif self.headers["Content-Type"] != "application/json":
            self.answer(422, {"detail": [{"msg": "Input should be a valid dictionary"}]})
        else:
            success, message = self.engine.update(json.loads(body))
            self.answer(200 if success else 400, {"success": success, "message": message})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--checkpoint", type=pathlib.Path, required=True)
    parser.add_argument("--fail-at", help="name of a tensor at which the last worker's load_weights raises")
    parser.add_argument("--fail-hook", action="store_true", help="the first worker's post hook raises")
    options = parser.parse_args()
    options.fail_worker = options.workers - 1

    Handler.engine = Engine(options)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_port}), flush=True)
    try:
        sys.stdin.read()
    finally:
        server.shutdown()
        Handler.engine.close()


if __name__ == "__main__":
    main()
