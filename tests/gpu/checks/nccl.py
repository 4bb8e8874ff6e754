# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Several ranks on the one GPU: each a node with an engine of its own, on a virtual host of its own, because two weight
channels of one GPU have the same name. NCCL takes them for different machines and goes through sockets."""

import contextlib
import os
import pathlib
import subprocess
import time

from checks import checkpoints
from checks.processes import END_SECONDS, Node, Sink
from checks.results import CheckFailed, NotRun
from checks.usage import nothing_left

SIZE = "512MiB"
UPDATE_SECONDS = 90
SECONDS_PER_GIB = 40  # an engine that is slow on purpose: an update takes 20 s
END_SECONDS_MAX = 10  # of the others, after one rank was killed
MASTER = "10.77.0.1"  # the first virtual host
PORT = 29500
NO_NCCL = "libnccl.so.2, which several GPUs need, cannot be loaded"


class VirtualHosts:
    """As many as asked for, until the with statement ends."""

    def __init__(self, place, count):
        self.script = str(pathlib.Path(place.support) / "virtual-hosts.sh")
        self.cluster = f"{os.getpid()}-{count}"
        self.count = count

    def call(self, *words):
        command = [self.script, *map(str, words)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if result.returncode != 0:
            raise NotRun((result.stderr or f"{self.script} ended with {result.returncode}").strip())

    def __enter__(self):
        self.call("check")
        self.call("remove-stale")
        try:
            self.call("make", self.cluster, self.count)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(NotRun):
            self.call("remove", self.cluster)

    def prefix(self, host):
        return [self.script, "run", self.cluster, host]


def nccl_variables(host):
    """Ranks with the same host id on the same GPU are refused as a mistake."""
    return {"NCCL_HOSTID": f"virtual-host-{host}", "NCCL_P2P_DISABLE": 1, "NCCL_SHM_DISABLE": 1, "NCCL_IB_DISABLE": 1,
            "NCCL_NET": "Socket", "NCCL_SOCKET_IFNAME": "eth0", "NCCL_NVLS_ENABLE": 0, "NCCL_DEBUG": "WARN"}


@contextlib.contextmanager
def running(programs):
    """Ends all of them, however many were started when something went wrong."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(program) for program in programs]


def sinks_on(place, hosts, checkpoint, *flags):
    return (Sink(place, "--verify", checkpoint, *flags, prefix=hosts.prefix(host), name=f"sink-{host}")
            for host in range(hosts.count))


def nodes_on(place, hosts, checkpoint, sinks):
    for host, sink in enumerate(sinks):
        yield Node(place, checkpoint, sink.url, "--devices", 1, "--nnodes", hosts.count, "--node-rank", host,
                   "--master-addr", MASTER, "--master-port", PORT, "--insecure-network", prefix=hosts.prefix(host),
                   name=f"node-{host}", **nccl_variables(host))


def ranks_update(place, recorder, count, checkpoint, when=""):
    name = f"{count} ranks on one GPU{when}, bit for bit"
    with recorder.attempt(name), VirtualHosts(place, count) as hosts:
        # They live on after an update that fails: the first node after one that was killed asks for one to free what
        # that may have left behind.
        with running(sinks_on(place, hosts, checkpoint)) as sinks:
            with running(nodes_on(place, hosts, checkpoint, sinks)) as nodes:
                statuses = [node.wait(UPDATE_SECONDS) for node in nodes]
                if any(statuses):
                    raise CheckFailed(f"exit statuses {statuses}: " + "; ".join(node.last_words(5) for node in nodes))
                report = nodes[0].report()
                words = [line for line in nodes[0].output().splitlines() if "broadcasts: " in line]
            for sink in sinks:
                sink.end()
                last = sink.updates()[-1]
                if not (last["success"] and last["verified"]):
                    raise CheckFailed(f"{last['error']}; {sink.last_words(5)}")
        recorder.ok(name, report["seconds"], "s", note=words[0].partition("broadcasts: ")[2] if words else "")
        recorder.figure(f"{count} ranks{when}: connecting, beside reading",
                        report["stages"]["broadcast"]["connect_seconds"], "s")


def rank_is_killed(place, recorder, count, checkpoint):
    name = f"one of {count} ranks killed: the others end after"
    with recorder.attempt(name), VirtualHosts(place, count) as hosts:
        slow = ("--worker-seconds-per-gib", SECONDS_PER_GIB)
        with running(sinks_on(place, hosts, checkpoint, *slow)) as sinks:
            with running(nodes_on(place, hosts, checkpoint, sinks)) as nodes:
                for node in nodes:
                    node.wait_for_text(" is ready", UPDATE_SECONDS)
                time.sleep(4)  # NCCL connects; then the update takes its time
                if any(node.process.poll() is not None for node in nodes):
                    raise CheckFailed("one ended before: " + "; ".join(node.last_words(5) for node in nodes))
                nodes[-1].process.kill()
                killed = time.monotonic()
                statuses = [node.wait(UPDATE_SECONDS) for node in nodes[:-1]]
                seconds = time.monotonic() - killed
                if not set(statuses) <= {4, 5}:
                    raise CheckFailed(f"exit statuses {statuses}: {nodes[0].last_words()}")
                moved = nodes[0].report()["hosts"][0]["stages"]["broadcast"]["bytes"]
                if not 0 < moved < sum(checkpoints.tensor_sizes(checkpoint)):
                    raise CheckFailed(f"{moved} bytes had been broadcast: that was no time in the middle")
        recorder.bar(name, seconds, "<=", END_SECONDS_MAX, "s",
                     f"exit statuses {statuses}; {moved >> 20} MiB had been broadcast")


def require_nccl(place, checkpoint):
    """NotRun where the node finds no NCCL, which it says before it looks for another host."""
    with Node(place, checkpoint, f"http://{MASTER}", "--devices", 1, "--nnodes", 2, "--node-rank", 1, "--master-addr",
              "127.0.0.1", "--timeout", 1) as node:
        node.wait(END_SECONDS)
        for line in node.output().splitlines():
            if NO_NCCL in line:
                raise NotRun(line[line.index(NO_NCCL):])


def run(place, recorder):
    checkpoint = checkpoints.synthetic(place, SIZE)
    require_nccl(place, checkpoint)
    before = checkpoints.shared_memory_names()
    for count in (2, 4):
        ranks_update(place, recorder, count, checkpoint)
    for count in (2, 4):
        rank_is_killed(place, recorder, count, checkpoint)
    # Which also removes what those that were killed had in shared memory.
    ranks_update(place, recorder, 4, checkpoint, " once more")
    nothing_left(recorder, "files in /dev/shm afterwards", before)
