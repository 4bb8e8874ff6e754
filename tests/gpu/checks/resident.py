# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""A node that stays: updates in a row out of its memory, how long they interrupt the engine, and that nothing grows; a
roll-back, bit for bit. Then a host that joins, and takes the weights for the same GPU from another host's memory."""

import contextlib
import json
import subprocess

from checks import checkpoints, gpu_memory
from checks.contenders import bar_on_gpu, copying_alone
from checks.nccl import MASTER, VirtualHosts
from checks.processes import END_SECONDS, NODE_SECONDS, Node, Program, Sink, children_of
from checks.results import CheckFailed, NotRun
from checks.usage import nothing_left, report_growth, usage_of
from rounds import median

SIZE = "4GiB"
MEMORY = "13GiB"  # for three versions
WARM_UP_UPDATES = 4  # the memory is full, and registered
UPDATES = 20
PAUSE_BAR = 1.1  # times the time that copying alone takes
JOIN_SIZE = "512MiB"


class Resident(Program):
    """`ckpt-actor-node serve`, which listens."""

    def __init__(self, place, url):
        self.node = place.program("ckpt-actor-node")
        self.address = f"unix:{place.in_work('resident.sock')}"
        super().__init__(place, [self.node, "serve", "--device", place.device, "--inference-parallel-size", 1, "--endpoint",
                                 url, "--resident-memory", MEMORY, "--timeout", 60, "--listen", self.address], "resident")
        try:
            self.wait_for(END_SECONDS, place.in_work("resident.sock").exists)
        except BaseException:
            self.end()
            raise

    def ask(self, *words):
        """An update's description once it is over; it has to succeed."""
        command = [str(word) for word in (self.node, *words, "--wait", "--node", self.address)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=NODE_SECONDS, check=False)
        if result.returncode != 0:
            raise CheckFailed(f"{words[0]}: exit status {result.returncode}: {result.stderr[-500:]} {self.last_words()}")
        return json.loads(result.stdout)


def updates_in_a_row(place, recorder, checkpoint):
    gpu = None
    with contextlib.suppress(NotRun):
        gpu = gpu_memory.Gpu() if place.on_gpu else None
    copying = copying_alone(place, SIZE)
    # It copies each tensor, as an engine does, and compares nothing: that would lengthen the pause.
    with Sink(place, "--consume", "copy", "--readiness", "serving") as sink, Resident(place, sink.url) as node:

        def publish(number):
            update = node.ask("publish", checkpoint, "--version", f"step-{number}")
            report = update["report"]
            return {"pause": report["engines"][0]["pause"]["seconds"], "seconds": report["seconds"]}

        def look():
            pids = [node.process.pid, sink.process.pid, *children_of(sink.process.pid)]
            return usage_of(pids, gpu.settled_free_bytes() if gpu else None)

        for number in range(WARM_UP_UPDATES):
            publish(number)
        before = look()
        seen, alone = [], []
        for number in range(WARM_UP_UPDATES, WARM_UP_UPDATES + UPDATES):
            seen.append(publish(number))
            if place.on_gpu and number % 4 == 0:
                alone.append(copying.run()["seconds"])
        report_growth(recorder, "resident node", before, look())
    pauses = sorted(update["pause"] for update in seen)
    recorder.ok("resident node: updates in a row", len(seen))
    rounds = "pauses: " + " ".join(f"{pause:.3f}" for pause in pauses) + " s"
    recorder.figure(f"resident node: pause of an update of {SIZE}", median(pauses), "s", rounds)
    recorder.figure("resident node: pushing, as its report has it", median(update["seconds"] for update in seen), "s")
    if alone:
        bar_on_gpu(place, recorder, "resident node: pause / copying alone", median(pauses) / median(alone), "<=",
                   PAUSE_BAR, f"copying alone: {median(alone):.3f} s")


def rollback(place, recorder, checkpoint):
    with Sink(place, "--verify", checkpoint) as sink, Resident(place, sink.url) as node:
        node.ask("publish", checkpoint, "--version", "one")
        node.ask("publish", checkpoint, "--version", "two")
        node.ask("rollback")
        last = sink.updates()[-1]
        if not last["success"] or last["verified"] is not True or last["weight_version"] != "one":
            raise CheckFailed(f"the engine serves {last}")
        recorder.ok("resident node: rolled back from memory, bit for bit", f"{last['tensors']} tensors")


def join(place, recorder, checkpoint):
    """Two virtual hosts, because two weight channels of one GPU have the same name."""
    metas = place.in_work("metas.json")
    with VirtualHosts(place, 2) as hosts, contextlib.ExitStack() as stack:
        sinks = [stack.enter_context(Sink(place, "--verify", checkpoint, prefix=hosts.prefix(host), name=f"sink-{host}"))
                 for host in range(2)]
        source = stack.enter_context(
            Node(place, checkpoint, sinks[0].url, "--save-metas-file", metas, "--sleep-time", 600, "--peer-address", MASTER,
                 "--insecure-network", prefix=hosts.prefix(0), name="source"))
        source.wait_for(NODE_SECONDS, metas.exists)
        report = place.in_work("joined.json")
        joining = stack.enter_context(Program(
            place, [*hosts.prefix(1), place.program("ckpt-actor-node"), "--device", place.device,
                    "--inference-parallel-size", 1, "--endpoint", sinks[1].url, "--load-metas-file", metas,
                    "--insecure-network", "--report", report, "--timeout", 60], "joining"))
        status = joining.wait(NODE_SECONDS)
        last = sinks[1].updates()[-1] if status == 0 else None
        if status != 0 or not last["success"] or last["verified"] is not True:
            raise CheckFailed(f"exit status {status}, {last}: {joining.last_words()}")
        written = json.loads(report.read_text(encoding="utf-8"))
        recorder.ok("an engine that joins, from another host's memory, bit for bit", written["seconds"], "s",
                    f"{last['tensors']} tensors, {last['bytes'] >> 20} MiB over TCP")


def run(place, recorder):
    before = checkpoints.shared_memory_names()
    with recorder.attempt("resident node"):
        updates_in_a_row(place, recorder, checkpoints.synthetic(place, SIZE))
    small = checkpoints.synthetic(place, JOIN_SIZE)
    with recorder.attempt("resident node: rolled back from memory, bit for bit"):
        rollback(place, recorder, small)
    with recorder.attempt("an engine that joins, from another host's memory, bit for bit"):
        join(place, recorder, small)
    nothing_left(recorder, "files in /dev/shm afterwards", before)
