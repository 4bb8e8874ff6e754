# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The worker extension that vLLM is given on a machine without a GPU: checkpoint-engine's own, with its device replaced,
and two habits of vLLM's CPU backend undone that its GPU backend does not have.
"""

import types

import checkpoint_engine.worker
import torch
import vllm.model_executor.layers.utils
from vllm.model_executor.layers.fused_moe.unquantized_fused_moe_method import UnquantizedFusedMoEMethod
from vllm.utils.gc_utils import freeze_gc_heap


class NoDevice:
    """Replaces the worker's device: there is nothing to wait for, and no memory of it to give back."""

    device_type = "cpu"

    @property
    def device_module(self):
        def nothing(*_):
            return None

        return types.SimpleNamespace(synchronize=nothing, ipc_collect=nothing, empty_cache=nothing)


checkpoint_engine.worker.DeviceManager = NoDevice


class Extension(checkpoint_engine.worker.VllmColocateWorkerExtension):
    frozen = False

    def update_weights_from_ipc(self, zmq_handles):
        # vLLM's GPU worker takes what is alive after its warm-up out of the garbage collector's sight, its CPU worker does not.
        # The worker of checkpoint-engine collects twice in each update, which takes a second over vLLM's 700,000 objects.
        if not self.frozen:
            freeze_gc_heap()
            self.frozen = True
        # A CPU has no UUID: the workers share the handles out by their ranks.
        self._device_uuid = sorted(zmq_handles)[self.local_rank]
        super().update_weights_from_ipc(zmq_handles)


def keep_weight(layer, remove_weight):
    """Replaces how a linear layer is prepared for a CPU: its weight would be packed once and the parameter dropped, so that
    nothing could ever be loaded into it again. Kept as it is, it is multiplied as on a GPU, which is only slower."""
    layer.cpu_linear = torch.nn.functional.linear


vllm.model_executor.layers.utils.dispatch_cpu_unquantized_gemm = keep_weight

set_up_kernel = UnquantizedFusedMoEMethod._setup_kernel


def set_up_kernel_again(self, layer, w13, w2):
    """Experts' weights are packed for a CPU when its kernel is made, and not after an update. Now they are then, too: what
    comes from the checkpoint has taken the place of what was packed."""
    is_update = self.moe_kernel is not None
    set_up_kernel(self, layer, w13, w2)
    if is_update:
        self.moe_kernel.fused_experts.process_weights_after_loading(layer)


UnquantizedFusedMoEMethod._setup_kernel = set_up_kernel_again
