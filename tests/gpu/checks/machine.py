# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What the figures were measured on. Nothing here fails: what cannot be found out is said to be unknown."""

import contextlib
import ctypes
import importlib.metadata
import importlib.util
import os
import pathlib
import platform
import shutil
import subprocess
import sys

from checks.place import HERE

UNKNOWN = "unknown"

# In a process of its own: an interpreter that has loaded torch and CUDA keeps them.
TORCH_SCRIPT = """
import torch
gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU"
print(f"{torch.__version__} of CUDA {torch.version.cuda}, sees {gpu}")
"""


def output_of(*command, seconds=60):
    """The standard output of a program, or unknown."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return result.stdout.strip() or UNKNOWN


def first_match(path, key):
    with contextlib.suppress(OSError):
        for line in pathlib.Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(key):
                return line.partition(":")[2].strip()
    return UNKNOWN


def tool(name):
    """A program of the CUDA toolkit, or None."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/cuda/bin")


def nccl_folder():
    """Where NCCL from Python's packages lies; empty when there is none, and the loader has to find the host's."""
    with contextlib.suppress(ImportError, AttributeError, ValueError):
        for folder in importlib.util.find_spec("nvidia.nccl").submodule_search_locations:
            if (pathlib.Path(folder) / "lib" / "libnccl.so.2").exists():
                return str(pathlib.Path(folder) / "lib")
    return ""


def cuda_runtime():
    """The runtime that torch has come with, else the toolkit's; None where there is neither."""
    with contextlib.suppress(ImportError, AttributeError, ValueError):
        for folder in importlib.util.find_spec("nvidia").submodule_search_locations:
            for found in sorted(pathlib.Path(folder).glob("*/lib/libcudart.so.*")):
                return found
    found = pathlib.Path("/usr/local/cuda/lib64/libcudart.so")
    return found if found.exists() else None


def nccl_version(folder):
    version = ctypes.c_int()
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(os.path.join(folder, "libnccl.so.2") if folder else "libnccl.so.2")
        if library.ncclGetVersion(ctypes.byref(version)) == 0:
            return f"{version.value // 10000}.{version.value // 100 % 100}.{version.value % 100}"
    return UNKNOWN


def nvcc_version():
    compiler = tool("nvcc")
    text = output_of(compiler, "--version") if compiler else UNKNOWN
    releases = [line for line in text.splitlines() if "release" in line]
    return releases[0].split("release")[1].strip() if releases else UNKNOWN


def python_package(name, folder=""):
    """Its version, looked for where the checks look."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    for found in pathlib.Path(folder).glob(f"{name.replace('-', '_')}-*.dist-info") if folder else ():
        return found.name.removesuffix(".dist-info").rpartition("-")[2]
    return UNKNOWN


def driver_cuda():
    """The newest CUDA that the driver knows."""
    version = ctypes.c_int()
    with contextlib.suppress(OSError, AttributeError):
        if ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version)) == 0:
            return f"{version.value // 1000}.{version.value // 10 % 100}"
    return UNKNOWN


def programs_cuda():
    """What the programs were built with: packing wrote it down."""
    with contextlib.suppress(OSError):
        return (HERE / "cuda").read_text(encoding="utf-8").strip()
    return nvcc_version()


def gpu():
    query = "--query-gpu=name,memory.total,driver_version,compute_mode,pcie.link.gen.max,pcie.link.width.max"
    text = output_of("nvidia-smi", query, "--format=csv,noheader")
    if text == UNKNOWN:
        return {"GPU": UNKNOWN}
    fields = [field.strip() for field in text.splitlines()[0].split(",")]
    names = ("GPU", "GPU memory", "driver", "compute mode", "PCIe generation", "PCIe lanes")
    return dict(zip(names, fields)) | {"GPUs": len(text.splitlines())}


def gibibytes(count):
    return f"{count / (1 << 30):.1f} GiB"


def memory():
    kibibytes = first_match("/proc/meminfo", "MemTotal").split()[0]
    return gibibytes(int(kibibytes) << 10) if kibibytes.isdigit() else UNKNOWN


def room(path):
    """Kind and size of the file system at `path`."""
    with contextlib.suppress(OSError):
        usage = shutil.disk_usage(path)
        kind = output_of("stat", "-f", "-c", "%T", str(path))
        return f"{kind}, {gibibytes(usage.total)}, {gibibytes(usage.free)} free"
    return UNKNOWN


def commit():
    """What the programs were built from: packing wrote it down."""
    with contextlib.suppress(OSError):
        return (HERE / "commit").read_text(encoding="utf-8").strip()
    return output_of("git", "-C", str(HERE), "describe", "--always", "--dirty", "--abbrev=40")


def describe(place):
    about = {} if place.on_gpu else {"tried without a GPU": "devices are host memory"}
    about |= gpu()
    about |= {
        "CUDA of the driver": driver_cuda(),
        "CUDA of the programs": programs_cuda(),
        "CUDA toolkit": nvcc_version(),
        "NCCL": nccl_version(place.nccl),
        "torch": output_of(sys.executable, "-c", TORCH_SCRIPT, seconds=120),
        "Python": platform.python_version(),
        "processor": f"{first_match('/proc/cpuinfo', 'model name')}, {os.cpu_count()} threads",
        "memory": memory(),
        "kernel": platform.release(),
        "scratch": room(place.scratch),
        "/dev/shm": room("/dev/shm"),
    }
    for name in ("safetensors", "pyzmq", "checkpoint-engine"):
        about[name] = python_package(name, place.worker_packages)
    for name in ("fastsafetensors", "runai-model-streamer", "instanttensor"):
        about[name] = python_package(name, place.loader_packages)
    return about
