# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Reads every tensor of safetensors files with a loader that Python programs use: the yardsticks of ckpt-bench.

    python_read.py versions              prints {package: version, or null where it is not there}
    python_read.py LOADER FILE [FILE…]   prints {"bytes": N, "seconds": S, "cpu_seconds": C}

Imports and the allocation of what is there before a loader begins do not count. The processor time is that of all
threads of this process.
"""

import importlib.metadata
import json
import os
import platform
import resource
import sys
import time


def safetensors(files):
    """Into one buffer that is there already."""
    import torch
    from safetensors import safe_open

    # Filled, so that no page of it has to be found while the clock runs.
    buffer = torch.full((sum(os.path.getsize(file) for file in files),), 1, dtype=torch.uint8)

    def read():
        done = 0
        for file in files:
            with safe_open(file, framework="pt") as tensors:
                for name in tensors.keys():
                    tensor = tensors.get_tensor(name).contiguous().view(-1)
                    if tensor.numel() == 0:
                        continue
                    data = tensor.view(torch.uint8)
                    buffer[done : done + data.numel()].copy_(data)
                    done += data.numel()
        return done

    return read


def runai_model_streamer(files):
    """Into the streamer's own memory, with its defaults. Each tensor is let go at once, as by a program that has copied
    it to a GPU: the streamer uses its memory again, which is how it is fastest."""
    from runai_model_streamer import SafetensorsStreamer

    def read():
        done = 0
        with SafetensorsStreamer() as streamer:
            streamer.stream_files(files)
            for _, tensor in streamer.get_tensors():
                done += tensor.numel() * tensor.element_size()
        return done

    return read


LOADERS = {"safetensors": safetensors, "runai-model-streamer": runai_model_streamer}


def version_of(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    loader, *files = sys.argv[1:]
    if loader == "versions":
        versions = {package: version_of(package) for package in ("torch", *LOADERS)}
        print(json.dumps({"python": platform.python_version(), **versions}))
        return
    read = LOADERS[loader](files)
    cpu_start = cpu_seconds()
    start = time.perf_counter()
    done = read()
    seconds = time.perf_counter() - start
    print(json.dumps({"bytes": done, "seconds": seconds, "cpu_seconds": cpu_seconds() - cpu_start}))


if __name__ == "__main__":
    main()
