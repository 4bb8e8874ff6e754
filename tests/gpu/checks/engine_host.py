# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""tests/interop/engine_host.py on a GPU: plays an SGLang server whose one worker, a process with a CUDA context, runs
the real, unmodified checkpoint_engine.worker on unmodified torch. It lives over many updates.

    parent: HTTP ──POST──> pipe ──> worker.update_weights_from_ipc ──ZMQ──> the node under test
                 <── GET /verdict ── comparison with safetensors' own reading, on the GPU

Writes its port to a file once the worker is ready. Ends with its standard input. Beyond interop's routes:
GET /progress   {"lists": N}: how many lists the worker has loaded in the update under way
GET /measure    {"pids": [host, worker], "gpu_free_bytes": N or null}, once the worker has given back what it can
POST /behave    how the worker behaves in the next update, and in no other:
                {"hold": true} keeps a view of the first tensor until the update after it begins
                {"pause_seconds": S} takes at least so long for every list
                {"die_at_list": N} is killed when list N, counted from 0, has come
                {"tell_lists": true} adds "lists" to the worker's verdict: the names in each list
"""

import argparse
import ctypes
import gc
import importlib.util
import json
import multiprocessing
import os
import pathlib
import signal
import sys
import threading
import time
import traceback
import types
from http.server import ThreadingHTTPServer

from checks.packages import add_to_path


def find_modules(interop_folder, packages_folder):
    """Before interop is imported, which is wherever the tree or the archive has it."""
    add_to_path(packages_folder)
    add_to_path(interop_folder)


def leave_out_the_pusher():
    """The package's __init__ imports what only its pusher needs: an empty module takes its place. Its worker, and
    torch, stay as published."""
    package = types.ModuleType("checkpoint_engine")
    package.__path__ = list(importlib.util.find_spec("checkpoint_engine").submodule_search_locations)
    sys.modules["checkpoint_engine"] = package


class Worker:
    """The worker's process between updates: what it keeps from one to the next."""

    def __init__(self, options, lists):
        import torch
        import zmq

        self.torch = torch
        self.options = options
        self.lists = lists
        self.names = []  # in each list of the update under way
        self.held = None
        self.context = zmq.Context()
        if options.device == "cuda":
            torch.zeros(1, device="cuda:0")  # as an engine's worker, it has its context before the first update
            torch.cuda.synchronize()

    def load(self, collector, behaviour, weights):
        if self.lists.value == behaviour.get("die_at_list", -1):
            os.kill(os.getpid(), signal.SIGKILL)
        weights = list(weights)
        self.names.append([name for name, _ in weights])
        collector.load(weights)
        if behaviour.get("hold") and self.held is None:
            self.held = next((tensor for _, tensor in weights if tensor.numel() > 0), None)
        time.sleep(behaviour.get("pause_seconds", 0))
        self.lists.value += 1

    def compare(self, collector):
        """As interop does it, but where the tensors are: on the GPU."""
        import engine_host as interop

        missing = dict(collector.tensors)
        for name, expected in interop.expected_tensors(self.options.checkpoint):
            seen = missing.pop(name, None)
            text = "did not come"
            if seen is not None:
                text = interop.difference(expected.to(seen.device), seen)
                if self.options.device == "cuda" and not seen.is_cuda:
                    text = "is not on the GPU"
            if text:
                collector.wrong.append(f"{name}: {text}")
        collector.wrong += [f"{name}: is not in the checkpoint" for name in missing]

    def update(self, address, behaviour):
        import engine_host as interop
        from checkpoint_engine.worker import update_weights_from_ipc

        self.held = None
        self.names = []
        self.lists.value = 0
        good = types.SimpleNamespace(checkpoint=self.options.checkpoint, workers=1, fail_at=None, fail_hook=False)
        collector = interop.Collector(good, 0)
        error = None
        try:
            update_weights_from_ipc(self.context, address, device_id=0,
                                    run=lambda weights: self.load(collector, behaviour, weights))
            self.compare(collector)
        except Exception:  # what a server would report as its failure
            error = traceback.format_exc()
        verdict = {"error": error, "tensors": len(collector.tensors), "wrong": collector.wrong[: interop.WRONG_SHOWN_MAX]}
        return verdict | ({"lists": self.names} if behaviour.get("tell_lists") else {})

    def measure(self):
        """The free memory of the GPU, when this process has given back what torch and the C library only keep for
        later."""
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        if self.options.device != "cuda":
            return {"gpu_free_bytes": None}
        self.torch.cuda.synchronize()
        self.torch.cuda.ipc_collect()
        self.torch.cuda.empty_cache()
        return {"gpu_free_bytes": self.torch.cuda.mem_get_info()[0]}


def run_worker(pipe, options, lists):
    find_modules(options.interop, options.packages)
    if options.device == "cuda":
        leave_out_the_pusher()
    else:
        import engine_host as interop

        interop.prepare_for_a_machine_without_gpu()
    worker = Worker(options, lists)
    pipe.send("ready")
    while (order := pipe.recv()) is not None:
        if order["do"] == "measure":
            pipe.send(worker.measure())
        else:
            pipe.send(worker.update(order["address"], order["behaviour"]))


class Engine:
    """The worker, and what interop's HTTP handler asks of an engine. A worker that dies is started anew."""

    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.version = "default"
        self.verdict = None
        self.behaviour = {}
        self.spawn = multiprocessing.get_context("spawn")
        self.lists = self.spawn.Value("l", 0)
        self.process = None  # none yet, or the last one died
        self.start_worker()

    def start_worker(self):
        self.pipe, theirs = self.spawn.Pipe()
        self.process = self.spawn.Process(target=run_worker, args=(theirs, self.options, self.lists), daemon=True)
        self.process.start()
        theirs.close()  # so that the end of the worker is the end of the pipe
        try:
            self.pipe.recv()
        except EOFError:
            raise RuntimeError("the worker died before it was ready") from None

    def ask(self, order):
        """The worker's answer, or None when it died meanwhile. Its successor is started when there is something to do:
        until then whoever asked has the answer."""
        if self.process is None:
            self.start_worker()
        try:
            self.pipe.send(order)
            return self.pipe.recv()
        except (EOFError, OSError):
            self.died_at = time.time()
            self.process.join()
            self.process = None
            return None

    def update(self, request):
        with self.lock:
            devices = sorted(request["zmq_handles"])
            if len(devices) != 1:
                return False, f"{len(devices)} channels for 1 worker"
            behaviour, self.behaviour = self.behaviour, {}
            answer = self.ask({"do": "update", "address": request["zmq_handles"][devices[0]], "behaviour": behaviour})
            if answer is None:
                answer = {"error": "the worker died", "tensors": 0, "wrong": [], "died_at": self.died_at}
            self.verdict = {"devices": devices, "workers": [answer]}
            if answer["error"]:
                return False, answer["error"]
            if request.get("weight_version") is not None:
                self.version = request["weight_version"]
            return True, "IPC weight update completed"

    def measure(self):
        with self.lock:
            answer = self.ask({"do": "measure"}) or {"gpu_free_bytes": None}
            return answer | {"pids": [os.getpid()] + ([self.process.pid] if self.process else [])}

    def close(self):
        self.pipe.close()  # the worker's next look for an order ends it
        if self.process is not None:
            self.process.join(5)
            self.process.kill()


def make_handler(interop, engine):
    class Handler(interop.Handler):
        def do_GET(self):
            if self.path == "/progress":
                self.answer(200, {"lists": self.engine.lists.value})
            elif self.path == "/measure":
                self.answer(200, self.engine.measure())
            else:
                super().do_GET()

        def do_POST(self):
            if self.path == "/behave":
                self.engine.behaviour = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.engine.lists.value = 0  # those of the update before are not progress
                self.answer(200, None)
            else:
                super().do_POST()

    Handler.engine = engine
    return Handler


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=pathlib.Path, required=True)
    parser.add_argument("--device", choices=("cuda", "host"), default="cuda")
    parser.add_argument("--interop", required=True, help="the folder tests/interop")
    parser.add_argument("--packages", default="", help="a folder with pyzmq, loguru and checkpoint_engine")
    parser.add_argument("--port-file", type=pathlib.Path, required=True)
    options = parser.parse_args()
    find_modules(options.interop, options.packages)
    import engine_host as interop

    try:
        engine = Engine(options)
    except RuntimeError as error:
        sys.exit(str(error))  # after the worker's own words
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(interop, engine))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    draft = options.port_file.with_suffix(".part")
    draft.write_text(f"{server.server_port}\n", encoding="utf-8")
    draft.replace(options.port_file)
    try:
        sys.stdin.read()
    finally:
        server.shutdown()
        engine.close()


if __name__ == "__main__":
    main()
