# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Models of the engines that are nothing but parameters: the engine's own `load_weights` runs on them, and what it hands
to a parameter is recorded.

An engine's class is used without its constructor, which needs GPUs. What its loader asks for is set by hand: the few
numbers of its configuration, and parameters under the names that the engine gives them. Not run is what follows loading
(`post_load_weights` and the like): it makes from the parameters what kernels want.

    load_models("sglang")["deepseek_v3"](names of the checkpoint's tensors, Record()) -> model with load_weights
"""

import importlib.util
import itertools
import pathlib
import re
import sys
import threading
import types

import loader_checkpoints as sizes
import torch

# How parameters are called: what matches a pattern is renamed, to several names if there are several, or to none.
LATER_LAYERS = (rf"^model\.layers\.{sizes.LAYERS}\..*",)  # predict further tokens; the model itself leaves them out
GATE_UP = (r"\.(gate|up)_proj\.", ".gate_up_proj.")
INDEXER = (r"\.indexer\.(wk|weights_proj)\..*", ".indexer.wk_weights_proj.weight")

# Parameters that loaders write to themselves, without the parameter's weight_loader.
WRITTEN_DIRECTLY = {
    ".wk_weights_proj.weight": (torch.bfloat16, (sizes.INDEX_DIM + sizes.INDEX_HEADS, sizes.HIDDEN)),
    ".attn_sink": (torch.float32, (sizes.HEADS,)),
}

CONFIGURATION = {
    "n_routed_experts": sizes.EXPERTS,
    "num_hidden_layers": sizes.LAYERS,
    "num_attention_heads": sizes.HEADS,
    "q_lora_rank": sizes.RANK,
    "kv_lora_rank": sizes.RANK,
    "qk_nope_head_dim": sizes.NOPE,
    "qk_rope_head_dim": sizes.ROPE,
    "v_head_dim": sizes.VALUE,
    "o_groups": sizes.OUTPUT_GROUPS,
    "tie_word_embeddings": False,
}


def configuration(prediction_layers):
    return types.SimpleNamespace(num_nextn_predict_layers=prediction_layers, **CONFIGURATION)


class Record:
    """Copies of everything that parameters were given, by their names and the part that was named with it."""

    def __init__(self):
        self.names = []  # of all parameters
        self.parts = {}
        self.written = {}  # directly
        self.lock = threading.Lock()  # SGLang loads from several threads

    def parameter(self, name):
        self.names.append(name)
        for ending, (dtype, shape) in WRITTEN_DIRECTLY.items():
            if name.endswith(ending):
                parameter = torch.nn.Parameter(torch.full(shape, torch.nan, dtype=dtype), requires_grad=False)
                self.written[name] = parameter
                break
        else:
            parameter = torch.nn.Parameter(torch.empty(0, dtype=torch.bfloat16), requires_grad=False)

        def weight_loader(_, weight, *part, **named_part):
            key = name, repr((part, sorted(named_part.items())))
            copy = weight.clone()
            with self.lock:
                while key in self.parts:
                    key = name, key[1] + " again"
                self.parts[key] = copy
            return True

        parameter.weight_loader = weight_loader
        return parameter

    def finish(self):
        """{(name, part): tensor}; a parameter that loaders write to is left out unless all of it was written."""
        written = {(name, "written"): value for name, value in self.written.items() if not value.isnan().any()}
        return self.parts | written


def parameter_names(names, rules):
    """In order of the checkpoint's names, each once."""
    for pattern, *replacements in rules:
        renamed = {}
        for name in names:
            if not re.search(pattern, name):
                renamed[name] = None
            for replacement in replacements if re.search(pattern, name) else ():
                renamed[re.sub(pattern, replacement, name)] = None
        names = list(renamed)
    return names


def bare(kind, **attributes):
    """An instance of an engine's class that has not been constructed."""
    model = kind.__new__(kind)
    torch.nn.Module.__init__(model)
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


def add_parameters(model, names, record):
    for name in names:
        *path, last = name.split(".")
        owner = model
        for part, following in itertools.pairwise([*path, last]):
            if not hasattr(owner, part):
                owner.add_module(part, torch.nn.ModuleList() if following.isdigit() else torch.nn.Module())
            owner = owner.get_submodule(part)
        owner.register_parameter(last, record.parameter(name))
    return model


def nothing(*_, **__):
    return None


def sglang():
    from sglang.srt.models.deepseek_v2 import DeepseekV3ForCausalLM
    from sglang.srt.models.deepseek_v4 import DeepseekV4ForCausalLM

    shared = {
        "quant_config": None,
        "num_fused_shared_experts": 0,
        "pp_group": types.SimpleNamespace(is_first_rank=True, is_last_rank=True),
        "post_load_weights": nothing,
    }
    experts = [
        (r"\.experts\.\d+\.(gate|up)_proj\.", ".experts.w13_"),
        (r"\.experts\.\d+\.down_proj\.", ".experts.w2_"),
    ]
    fused = (r"\.(q_a_proj|kv_a_proj_with_mqa)\.", ".fused_qkv_a_proj_with_mqa.")
    fused_v4 = [
        (r"^mtp\..*",),
        (r"\.wo_a\.weight_scale_inv$",),
        (r"\.compressor\.(wkv|wgate)\.", ".compressor.wkv_gate."),
        (r"\.(wq_a|wkv)\.", ".wqkv_a."),
    ]

    def v3(names, record, prediction_layers=1):
        model = bare(DeepseekV3ForCausalLM, config=configuration(prediction_layers), **shared)
        rules = [LATER_LAYERS, *experts, GATE_UP, fused, INDEXER]
        return add_parameters(model, parameter_names(names, rules), record)

    def v4(names, record):
        model = bare(
            DeepseekV4ForCausalLM,
            config=configuration(1),
            vision=None,
            wo_a_fp8=False,
            _mhc_prewarmed_at_load=True,  # with kernels
            **shared,
        )
        names = [model.remap_weight_name_to_dpsk_hf_format(name) for name in names]
        return add_parameters(model, parameter_names(names, [*fused_v4, *experts, GATE_UP]), record)

    return {
        "deepseek_v3": v3,
        "deepseek_v32": v3,
        "kimi_k2": lambda names, record: v3(names, record, prediction_layers=0),
        "deepseek_v4": v4,
    }


def vllm():
    """The classes for CUDA where there are several: they can be imported without it."""
    import vllm.models.deepseek_v4.nvidia.model as v4_module
    from vllm.model_executor.models.deepseek_v2 import DeepseekV2Model, DeepseekV3ForCausalLM
    from vllm.models.deepseek_v32.nvidia.model import DeepseekV32ForCausalLM, DeepseekV32Model

    # Of tensor parallelism, which is not set up here.
    v4_module.get_tensor_model_parallel_world_size = lambda: 1
    v4_module.get_tensor_model_parallel_rank = lambda: 0

    def whole(kind, inner_kind, names, record, config, inner, **attributes):
        """vLLM's loader asks every child for a loader of its own: most of the work is the inner model's."""
        inner_model = bare(inner_kind, config=config, quant_config=None, **inner)
        model = bare(kind, config=config, quant_config=None, model=inner_model, **attributes)
        return add_parameters(model, names, record)

    def v3(names, record, kind=DeepseekV3ForCausalLM, inner_kind=DeepseekV2Model, prediction_layers=1):
        rules = [
            LATER_LAYERS,
            (r"\.experts\.\d+\.(gate|up)_proj\.", ".experts.routed_experts.w13_"),
            (r"\.experts\.\d+\.down_proj\.", ".experts.routed_experts.w2_"),
            GATE_UP,
            (r"\.(q_a_proj|kv_a_proj_with_mqa)\.", ".fused_qkv_a_proj."),
            INDEXER,
        ]
        inner = {"use_mha": False, "is_fused_shared_expert_enabled": False, "num_redundant_experts": 0}
        names = parameter_names(names, rules)
        return whole(kind, inner_kind, names, record, configuration(prediction_layers), inner)

    def v4(names, record):
        kind = v4_module.DeepseekV4ForCausalLM
        names = [name for name, _ in kind.hf_to_vllm_mapper.apply((name, None) for name in names)]
        rules = [
            (r"\.experts\.\d+\.(w1|w3)\.", ".experts.routed_experts.w13_"),
            (r"\.experts\.\d+\.w2\.", ".experts.routed_experts.w2_"),
            (r"\.shared_experts\.(w1|w3)\.", ".shared_experts.gate_up_proj."),
            (r"\.compressor\.(wkv|wgate)\.", ".compressor.fused_wkv_wgate."),
            (r"\.(wq_a|wkv)\.", ".fused_wqa_wkv."),
        ]
        inner = {"start_layer": 0, "end_layer": sizes.LAYERS}
        names = parameter_names(names, rules)
        after = {"process_weights_after_loading": nothing}
        model = whole(kind, v4_module.DeepseekV4Model, names, record, configuration(1), inner, **after)
        model.model.layers[0].ffn.use_native_mega_moe = False
        return model

    def v32(names, record):
        return v3(names, record, DeepseekV32ForCausalLM, DeepseekV32Model)

    return {
        "deepseek_v3": v3,
        "deepseek_v32": v32,
        "kimi_k2": lambda names, record: v3(names, record, prediction_layers=0),
        "deepseek_v4": v4,
    }


def replace_lmdeploy_packages():
    """Two of LMDeploy's packages lose their __init__, which imports what only a running engine needs, such as mmengine:
    the server, and the migration of caches."""
    folder = pathlib.Path(importlib.util.find_spec("lmdeploy").submodule_search_locations[0])
    for name in ("lmdeploy", "lmdeploy.pytorch.engine.cache_engine"):
        package = types.ModuleType(name)
        package.__path__ = [str(folder.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package


def lmdeploy():
    replace_lmdeploy_packages()
    from lmdeploy.pytorch.models.deepseek_v2 import DeepseekV2ForCausalLM
    from lmdeploy.pytorch.models.deepseek_v4 import DeepseekV4ForCausalLM
    from lmdeploy.pytorch.models.deepseek_v32 import DeepseekV32ForCausalLM
    from lmdeploy.pytorch.models.kimi_k2_language import KimiK2ForCausalLM

    def latent(kind, fused, prediction_layers=1):
        rules = [
            LATER_LAYERS,
            (r"\.experts\.\d+\.(gate|up)_proj\.", ".experts.gate_up."),
            (r"\.experts\.\d+\.down_proj\.", ".experts.down."),
            GATE_UP,
            *fused,
        ]

        def make(names, record):
            model = bare(
                kind,
                config=configuration(prediction_layers),
                quantization_config={"quant_method": "fp8"},
                _load_buffers={},
            )
            return add_parameters(model, parameter_names(names, rules), record)

        return make

    def v4(names, record):
        rules = [
            (r"^mtp\..*",),
            (r"\.wo_a\.scale$",),
            (r"(\.(attn|shared_experts)\..*)\.scale$", r"\1.weight_scale_inv"),
            (r"\.experts\.\d+\.(w1|w3)\.", ".experts.gate_up."),
            (r"\.experts\.\d+\.w2\.", ".experts.down."),
            (r"\.shared_experts\.(w1|w3)\.", ".shared_experts.w13."),
        ]
        model = bare(DeepseekV4ForCausalLM, config=configuration(1), _load_buffers={})
        return add_parameters(model, parameter_names(names, rules), record)

    fused_v32 = (r"\.(q_a_proj|kv_a_proj_with_mqa)\.", ".fused_qkv_a_proj.")
    fused_kimi = (r"\.(q_a_proj|kv_a_proj_with_mqa)\.", ".fused_qkv_a_proj_with_mqa.")
    kimi_kv_b = (r"\.kv_b_proj\..*", ".kc.weight", ".vc.weight")
    return {
        "deepseek_v3": latent(DeepseekV2ForCausalLM, []),
        "deepseek_v32": latent(DeepseekV32ForCausalLM, [fused_v32, INDEXER]),
        "kimi_k2": latent(KimiK2ForCausalLM, [fused_kimi, kimi_kv_b], prediction_layers=0),
        "deepseek_v4": v4,
    }


def load_models(engine):
    """Imports the engine. Returns, by the name of the checkpoint, a function that makes a model."""
    return {"sglang": sglang, "vllm": vllm, "lmdeploy": lmdeploy}[engine]()
