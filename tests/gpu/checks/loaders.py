# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Other loaders of safetensors files into a GPU's memory, each as its own documentation shows it.

    python3 -m checks.loaders NAME DEVICE PACKAGES_FOLDER

A process that lives on. It prints a line of JSON once everything is imported and a CUDA context is there: {"ready":
version}, {"missing": why} or {"failed": why}. Then, for each line {"files": [path, …]} that comes, it loads all
tensors to the device, waits until they are there, and prints {"seconds": S, "bytes": N}. To free them again is not
measured."""

import gc
import glob
import importlib
import json
import os
import sys
import time
import traceback

from checks.packages import add_to_path


def safetensors(files, device):
    from safetensors.torch import load_file

    tensors = {}
    for file in files:
        tensors.update(load_file(file, device=device))
    return tensors


def fastsafetensors(files, device):
    from fastsafetensors import fastsafe_open

    without_gds = not glob.glob("/dev/nvidia-fs*")  # GPUDirect Storage needs a driver of its own
    with fastsafe_open(files, framework="pt", device=device, nogds=without_gds) as content:
        return {name: content.get_tensor(name) for name in content.keys()}


def runai_model_streamer(files, device):
    from runai_model_streamer import SafetensorsStreamer

    tensors = {}
    with SafetensorsStreamer() as streamer:
        streamer.stream_files(files, device=device)
        for name, tensor in streamer.get_tensors():
            tensors[name] = tensor.to(device)
    return tensors


def instanttensor(files, device):
    from instanttensor import safe_open

    with safe_open(files, framework="pt", device=device) as content:
        return dict(content.tensors())


LOADERS = {
    "safetensors": (safetensors, "safetensors.torch"),
    "fastsafetensors": (fastsafetensors, "fastsafetensors"),
    "runai-model-streamer": (runai_model_streamer, "runai_model_streamer"),
    "instanttensor": (instanttensor, "instanttensor"),
}


def load(torch, loader, files, device):
    cuda = device.startswith("cuda")
    start = time.monotonic()
    tensors = loader(files, device)
    if cuda:
        torch.cuda.synchronize()
    seconds = time.monotonic() - start
    elsewhere = [name for name, tensor in tensors.items() if str(tensor.device).partition(":")[0] != device[:4]]
    if cuda and elsewhere:
        raise RuntimeError(f"not on the GPU: {elsewhere[0]}")
    answer = {"seconds": seconds, "bytes": sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())}
    del tensors
    gc.collect()
    if cuda:
        torch.cuda.empty_cache()
    return answer


def main():
    name, device, packages = sys.argv[1:]
    # The libraries may print what they like: it does not get among the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(content):
        print(json.dumps(content), file=answers, flush=True)

    loader, module = LOADERS[name]
    add_to_path(packages)
    try:
        import torch

        importlib.import_module(module)
        if device.startswith("cuda"):
            torch.zeros(1, device=device)
            torch.cuda.synchronize()
    except (ImportError, OSError) as error:  # its package, or a library that it needs
        answer({"missing": f"{type(error).__name__}: {error}"})
        return
    except Exception as error:
        answer({"failed": f"{type(error).__name__}: {error}"})
        return
    answer({"ready": torch.__version__})
    for line in sys.stdin:
        try:
            answer(load(torch, loader, json.loads(line)["files"], device))
        except Exception as error:
            traceback.print_exc()
            answer({"failed": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
