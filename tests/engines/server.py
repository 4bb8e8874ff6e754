# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""An engine's server as a process of the test: started, asked, and in any case ended with all of its children.

Each has a folder of its own for everything that it writes but its log; nothing of it is left in /tmp or /dev/shm.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import relay
import resources

STAND_INS = pathlib.Path(__file__).resolve().parent / "stand_ins"
API_KEY = "the right key"
# Half a minute on two idle cores; much more on busy ones, and when Python has yet to compile what it imports.
START_SECONDS_MAX = 400
STOP_SECONDS_MAX = 30


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status, text):
        super().__init__(f"HTTP {status}: {text[:2000]}")
        self.status = status


class Server:
    """One running server. Subclasses say how it is started and asked."""

    kind = None  # what ckpt-actor-node calls it
    node_flags = ()  # what a node needs to reach it, besides its endpoint

    def __init__(self, python, model, logs, load_format="auto", more=(), environment=(), port=None):
        self.model = pathlib.Path(model)
        self.port = port or free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        # A short path: Unix sockets in it have to fit 107 characters.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="engine-"))
        self.log = pathlib.Path(logs) / f"{self.kind}-{self.port}.log"  # stays, for whoever looks into a failure
        for folder in ("tmp", "home"):
            (self.directory / folder).mkdir()
        self.started = time.time()
        command = ["setpriv", "--pdeathsig", "KILL", str(python), *self.arguments(load_format), *more]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self.base_environment() | self.environment() | dict(environment),
            )
        self.group = self.process.pid

    def base_environment(self):
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory / "home"),
            "TMPDIR": str(self.directory / "tmp"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        }

    # ---- asking

    def call(self, path, body=None, timeout=120, key=API_KEY):
        """The answer's JSON, or its text where it is none. Raises Refused, or OSError when nobody answers in time."""
        request = urllib.request.Request(
            self.endpoint + path,
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode(errors="replace")) from None
        with contextlib.suppress(ValueError):
            return json.loads(text)
        return text

    def answers(self, path):
        try:
            self.call(path, timeout=10)
            return True
        except (OSError, Refused):
            return False

    def wait_until_it_answers(self, path=None):
        """Until `path` (else: what says that it is ready) is answered with 200. Raises with the log when it is not."""
        path = path or self.ready_path
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self.answers(path):
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} was not answered for {START_SECONDS_MAX} s\n{self.log_tail()}")
            time.sleep(0.2)
        return self

    def log_tail(self, characters=3000):
        return f"--- end of {self.log}:\n" + self.log.read_text(errors="replace")[-characters:]

    # ---- ending

    def kill(self):
        """As if the machine had ended it: no process of it is left, what it had in /dev/shm is removed."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        self.process.wait()
        resources.wait_for_end(self.group, STOP_SECONDS_MAX)
        resources.remove_unused_shared_files(self.started)

    def close(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class Sglang(Server):
    kind = "sglang"
    ready_path = "/ping"

    def arguments(self, load_format):
        return [
            *("-m", "sglang.launch_server", "--model-path", str(self.model), "--load-format", load_format),
            *("--host", "127.0.0.1", "--port", str(self.port), "--api-key", API_KEY),
            *("--device", "cpu", "--dtype", "float32", "--attention-backend", "torch_native"),
            *("--sampling-backend", "pytorch", "--grammar-backend", "none", "--disable-overlap-schedule"),
            "--sleep-on-idle",  # else it keeps a core busy
            *("--max-total-tokens", "2048", "--context-length", "512", "--mem-fraction-static", "0.3"),
            "--skip-server-warmup",
        ]

    def environment(self):
        return {"PYTHONPATH": str(STAND_INS / "sglang"), "SGLANG_USE_CPU_ENGINE": "1"}

    def generate(self, prompt, tokens, timeout=120):
        sampling = {"temperature": 0, "max_new_tokens": tokens, "ignore_eos": True}
        return self.call("/generate", {"input_ids": prompt, "sampling_params": sampling}, timeout)["output_ids"]

    def weight_version(self):
        return self.call("/model_info")["weight_version"]

    def checksums(self):
        """Of every tensor as the engine holds it: {name: checksum}, one for each rank."""
        return [rank["checksums"] for rank in self.call("/weights_checker", {"action": "checksum"})["ranks"]]


class Vllm(Server):
    kind = "vllm"
    ready_path = "/health"

    def arguments(self, load_format):
        return [
            *("-m", "vllm.entrypoints.cli.main", "serve", str(self.model), "--load-format", load_format),
            *("--host", "127.0.0.1", "--port", str(self.port), "--api-key", API_KEY),
            *("--dtype", "float32", "--enforce-eager", "--max-model-len", "512", "--max-num-seqs", "8"),
            *("--worker-extension-cls", "cpu_worker.Extension"),
        ]

    def environment(self):
        return {
            "PYTHONPATH": str(STAND_INS / "vllm"),
            "VLLM_SERVER_DEV_MODE": "1",  # for /collective_rpc, /pause and /resume
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "VLLM_NO_USAGE_STATS": "1",
        }

    def generate(self, prompt, tokens, timeout=120):
        body = {
            "model": str(self.model),
            "prompt": prompt,
            "max_tokens": tokens,
            "temperature": 0,
            "ignore_eos": True,
            "return_token_ids": True,
        }
        return self.call("/v1/completions", body, timeout)["choices"][0]["token_ids"]


class VllmOnUnixSocket(Vllm):
    """Listens on a Unix socket and nowhere else; `endpoint` is a relay's, for the tests' own questions."""

    def arguments(self, load_format):
        socket_path = self.directory / "socket"
        self.node_flags = ("--uds", socket_path)
        self.relay = relay.Relay(relay.tcp_listener(), relay.unix_connector(socket_path))
        self.endpoint = f"http://127.0.0.1:{self.relay.listener.getsockname()[1]}"
        return [*super().arguments(load_format), "--uds", str(socket_path)]

    def close(self):
        super().close()
        self.relay.close()
