# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What SGLang's processes lack on a machine without a GPU. Python imports this file by itself when its folder is in
PYTHONPATH, in every process that SGLang starts. The engine's own files stay as published, the worker of
checkpoint-engine among them.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types

KERNELS = "sgl_kernel"
WORKER = "sglang.srt.checkpoint_engine.checkpoint_engine_worker"


class MissingKernel:
    """A GPU kernel that can be imported and named, as SGLang does while it starts, but not called."""

    def __init__(self, name):
        self.name = self.__name__ = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return MissingKernel(f"{self.name}.{name}")

    def __call__(self, *arguments, **options):
        raise NotImplementedError(f"{self.name} needs a GPU")


class MissingKernels(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Replaces the package of SGLang's kernels: it is published for GPUs only, and its libraries do not load here."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == KERNELS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__path__ = []
        module.__version__ = "0.4.10"  # checked by SGLang 0.5.23
        module.__getattr__ = MissingKernel(spec.name).__getattr__
        return module

    def exec_module(self, module):
        pass


class NoDevice:
    """Replaces the worker's device: there is nothing to wait for, and no memory of it to give back."""

    device_type = "cpu"

    @property
    def device_module(self):
        def nothing(*_):
            return None

        return types.SimpleNamespace(synchronize=nothing, ipc_collect=nothing, empty_cache=nothing)


def adapt_worker(module):
    """SGLang's side of the worker finds its device through CUDA; here it is told."""
    import checkpoint_engine.worker
    import torch

    checkpoint_engine.worker.DeviceManager = NoDevice

    # For the device's number, which torch.cpu does not have.
    module.get_device_module = lambda: types.SimpleNamespace(current_device=lambda: 0)

    # A CPU has no UUID: the workers share the handles out by their ranks.
    extension = module.SGLangCheckpointEngineWorkerExtensionImpl
    update = extension.update_weights_from_ipc

    def update_weights_from_ipc(self, zmq_handles):
        uuid = sorted(zmq_handles)[torch.distributed.get_rank()]
        self.get_device_uuid = lambda: uuid
        return update(self, zmq_handles)

    extension.update_weights_from_ipc = update_weights_from_ipc


class AdaptWhenImported(importlib.abc.MetaPathFinder):
    """Has the worker's module adapted when SGLang imports it, which is at the first update."""

    def find_spec(self, name, path=None, target=None):
        if name != WORKER:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def execute_and_adapt(module):
            execute(module)
            adapt_worker(module)

        spec.loader.exec_module = execute_and_adapt
        return spec


sys.meta_path.insert(0, MissingKernels())
sys.meta_path.insert(0, AdaptWhenImported())
