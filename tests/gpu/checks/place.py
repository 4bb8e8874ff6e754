# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Where a step finds what it needs. Made once by the command, and handed to each step's process as JSON."""

import dataclasses
import json
import os
import pathlib
import time

HERE = pathlib.Path(__file__).resolve().parent.parent  # the folder of run.sh
MARGIN_SECONDS = 15  # what is left to a step's end when it stops measuring


@dataclasses.dataclass
class Place:
    programs: str  # the folder of ckpt-actor-node, ckpt-sink and ckpt-bench
    cuda_tests: str  # the program
    interop: str  # the folder of the real worker's host, tests/interop
    support: str  # the folder of virtual-hosts.sh, tests/support
    scratch: str  # on the disk to measure; checkpoints stay there for the next call
    size: str  # of the checkpoint for speeds
    device: str = "cuda"  # or host: to try these scripts where there is no GPU
    worker_packages: str = ""  # unpacked wheels for the real worker
    loader_packages: str = ""  # unpacked wheels of other loaders
    nccl: str = ""  # the folder of libnccl.so.2
    work: str = ""  # for this step alone, and removed after it
    records: str = ""  # the recorder's file
    ends_at: float = 0  # the step's deadline on the monotonic clock, which all processes share

    @property
    def on_gpu(self):
        return self.device == "cuda"

    def program(self, name):
        return pathlib.Path(self.programs) / name

    def in_work(self, name):
        return pathlib.Path(self.work) / name

    def seconds_left(self):
        return self.ends_at - MARGIN_SECONDS - time.monotonic()

    def environment(self, **more):
        """Of a program that may need NCCL, or of one of these scripts."""
        variables = dict(os.environ)
        if self.nccl:
            variables["LD_LIBRARY_PATH"] = ":".join(filter(None, [self.nccl, variables.get("LD_LIBRARY_PATH")]))
        variables["PYTHONPATH"] = ":".join(filter(None, [str(HERE), variables.get("PYTHONPATH")]))
        variables["PYTHONUNBUFFERED"] = "1"
        variables.update({name: str(value) for name, value in more.items()})
        return variables

    def write(self, path):
        pathlib.Path(path).write_text(json.dumps(dataclasses.asdict(self)), encoding="utf-8")

    @staticmethod
    def read(path):
        return Place(**json.loads(pathlib.Path(path).read_text(encoding="utf-8")))


def find(*candidates):
    """The first that is there, else the first: whoever needs it says that it is missing."""
    for candidate in candidates:
        if candidate.exists():
            return str(candidate)
    return str(candidates[0])


def standard_place(programs, scratch, size, device):
    """In the unpacked archive, or in the source tree beside a build."""
    tests = HERE.parent
    build = tests.parent / "build"
    programs = pathlib.Path(programs).resolve() if programs else pathlib.Path(
        find(HERE / "programs" / "bin", build / "apps"))
    return Place(
        programs=str(programs),
        cuda_tests=find(programs / "cuda_tests", programs.parent / "tests" / "cuda_tests"),
        interop=find(HERE / "interop", tests / "interop"),
        support=find(HERE / "support", tests / "support"),
        scratch=str(scratch),
        size=size,
        device=device,
    )


def default_folder():
    """For scratch and results: beside run.sh, but not among the sources."""
    return HERE if (HERE / "programs").exists() else HERE.parent.parent / "build" / "gpu-checks"
