# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Plays an SGLang server whose workers run the real, unmodified checkpoint_engine.worker, on a machine without a GPU.

Every worker is a process that hands what it is given to a collector. Run as a program, the collector keeps a copy of
each tensor and, after an update, compares all of them with what the real safetensors library reads from the
checkpoint: names, dtypes, shapes and every byte. tests/engines/loader_host.py has another one, an engine's own loader.

    parent: HTTP ──POST──> one pipe per worker ──> worker.update_weights_from_ipc ──ZMQ──> the node under test
                 <── GET /verdict ── comparison

Prints one line of JSON, {"port": N}, once it listens. Ends with its standard input. GET /verdict gives the outcome of
the last update, one worker for each device, with what the collector says besides the error:
{"devices": [uuid, …], "workers": [{"error": text or null, "tensors": N, "wrong": [text, …]}, …]}
"""

import argparse
import functools
import json
import multiprocessing
import pathlib
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WRONG_SHOWN_MAX = 20


def prepare_for_a_machine_without_gpu():
    """Replaces what update_weights_from_ipc needs of CUDA around the transfer, which CPU tensors can do without. The
    worker itself stays as published; its package's __init__, which imports the pusher's dependencies, is replaced by
    an empty module."""
    import importlib.util
    import types

    package = types.ModuleType("checkpoint_engine")
    package.__path__ = list(importlib.util.find_spec("checkpoint_engine").submodule_search_locations)
    sys.modules["checkpoint_engine"] = package

    def nothing(*_):
        return None

    import checkpoint_engine.worker

    device_module = types.SimpleNamespace(synchronize=nothing, ipc_collect=nothing, empty_cache=nothing)
    checkpoint_engine.worker.DeviceManager = lambda: types.SimpleNamespace(device_module=device_module)


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
    seen, expected = seen.reshape(-1).view(torch.uint8), expected.reshape(-1).view(torch.uint8)
    if torch.equal(seen, expected):
        return ""
    return f"{int((seen != expected).sum())} of {expected.numel()} bytes differ"


class Collector:
    """Takes one update: keeps every tensor, fails where it is told to, and compares afterwards."""

    def __init__(self, options, number):
        self.checkpoint = options.checkpoint
        self.fail_at = options.fail_at if number == options.workers - 1 else None
        self.hook_fails = options.fail_hook and number == 0
        self.tensors = {}
        self.wrong = []

    def load(self, weights):
        for name, tensor in weights:
            if name == self.fail_at:
                raise RuntimeError(f"load_weights: no room for {name}")
            if name in self.tensors:
                self.wrong.append(f"{name}: came twice")
            self.tensors[name] = tensor.clone()

    def post_hook(self):
        if self.hook_fails:
            raise RuntimeError("post hook: cannot quantise")

    def compare(self):
        missing = dict(self.tensors)
        for name, expected in expected_tensors(self.checkpoint):
            seen = missing.pop(name, None)
            text = "did not come" if seen is None else difference(expected, seen)
            if text:
                self.wrong.append(f"{name}: {text}")
        self.wrong += [f"{name}: is not in the checkpoint" for name in missing]

    def verdict(self):
        return {"tensors": len(self.tensors), "wrong": self.wrong[:WRONG_SHOWN_MAX]}


def collectors(options, number):
    """For run_worker: whatever the version, the tensors have to be those of the checkpoint."""
    return lambda _version: Collector(options, number)


def run_worker(number, pipe, prepare):
    """Runs one worker. `prepare` is called once with the worker's number; it returns a function that makes the collector
    of an update of the given version."""
    prepare_for_a_machine_without_gpu()
    import torch
    import zmq
    from checkpoint_engine.worker import update_weights_from_ipc

    torch.set_num_threads(1)
    context = zmq.Context()

    make_collector = prepare(number)
    while (update := pipe.recv()) is not None:
        address, version = update
        collector = make_collector(version)
        error = None
        try:
            update_weights_from_ipc(context, address, device_id=number, run=collector.load, post_hook=collector.post_hook)
            collector.compare()
        except Exception:  # what a server would report as its failure
            error = traceback.format_exc()
        pipe.send({"error": error} | collector.verdict())


class Engine:
    """The workers, and what /model_info and /verdict tell about them. One update at a time."""

    def __init__(self, workers, prepare):
        self.lock = threading.Lock()
        self.version = "default"
        self.verdict = None
        self.pipes = []
        self.processes = []
        spawn = multiprocessing.get_context("spawn")
        for number in range(workers):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=run_worker, args=(number, theirs, prepare), daemon=True)
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
                pipe.send((address, request.get("weight_version")))
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


def serve(workers, prepare):
    """Plays the server until its standard input ends. `prepare` goes to the workers' processes, see run_worker."""
    Handler.engine = Engine(workers, prepare)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_port}), flush=True)
    try:
        sys.stdin.read()
    finally:
        server.shutdown()
        Handler.engine.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--checkpoint", type=pathlib.Path, required=True)
    parser.add_argument("--fail-at", help="name of a tensor at which the last worker's load_weights raises")
    parser.add_argument("--fail-hook", action="store_true", help="the first worker's post hook raises")
    options = parser.parse_args()
    serve(options.workers, functools.partial(collectors, options))


if __name__ == "__main__":
    main()
