# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Writes small random models, each in two versions A and B, and beside each what Hugging Face transformers answers with it.

    tiny_models.py DIRECTORY [NAME…]   ->   DIRECTORY/NAME-A, DIRECTORY/NAME-B

reference.json: {"prompts": [[token, …], …], "answers": [[token, …], …]}, greedily continued; not for deepseek_v3, with which no
engine answers here. A model that is there already is left alone.
"""

import json
import pathlib
import shutil
import sys

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import DeepseekV3Config, LlamaConfig, PreTrainedTokenizerFast, Qwen3Config, Qwen3MoeConfig
from transformers import AutoModelForCausalLM
from transformers.utils import logging

VOCABULARY = 1024
# The last one is long enough for an engine to keep what it has computed of it, and to use that again when it is asked again.
PROMPTS = [[5, 6, 7, 8], [999, 17, 400, 21, 33, 512], [(37 * i + 11) % 1000 + 4 for i in range(300)]]
ANSWER_TOKENS = 24
SEEDS = {"A": 1, "B": 2}

SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 512,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 3,
    # Larger than usual: with small weights a random model repeats one token, whatever it was given.
    "initializer_range": 0.15,
    "tie_word_embeddings": False,
    "dtype": "float32",
}
EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 128}

CONFIGURATIONS = {
    "llama": LlamaConfig(**SMALL),
    # 276 MiB, for what has to take a while.
    "llama_large": LlamaConfig(**SMALL | {
        "hidden_size": 768,
        "intermediate_size": 2048,
        "num_hidden_layers": 10,
        "num_attention_heads": 12,
        "num_key_value_heads": 12,
        "initializer_range": 0.06,
    }),
    # Tied: without an lm_head in the checkpoint, the embedding is used twice.
    "qwen3_tied": Qwen3Config(**SMALL | {"head_dim": 32, "tie_word_embeddings": True}),
    "qwen3_moe_tied": Qwen3MoeConfig(**SMALL | EXPERTS | {"head_dim": 32, "num_experts": 8, "tie_word_embeddings": True}),
    # Engines fuse q_a_proj and kv_a_proj of this one while they load.
    "deepseek_v3": DeepseekV3Config(**SMALL | {
        "num_key_value_heads": 8,
        "q_lora_rank": 96,
        "kv_lora_rank": 512,
        "qk_nope_head_dim": 64,
        "qk_rope_head_dim": 64,
        "v_head_dim": 64,
        "n_routed_experts": 8,
        "n_shared_experts": 1,
        "n_group": 2,
        "topk_group": 1,
        "first_k_dense_replace": 1,
    }, **EXPERTS),
}

# What SGLang reads from DeepSeek-V3's own config.json, and transformers does not write. Its rotary embedding for CPUs is
# only there for scaled ones.
YARN = {
    "rope_theta": 10000.0,
    "rope_type": "yarn",
    "type": "yarn",
    "factor": 4.0,
    "beta_fast": 32,
    "beta_slow": 1,
    "mscale": 1.0,
    "mscale_all_dim": 1.0,
    "original_max_position_embeddings": 128,
}
DEEPSEEK_KEYS = {
    "rope_theta": 10000.0,
    "rope_scaling": YARN,
    "rope_parameters": YARN,
    "moe_layer_freq": 1,
    "topk_method": "noaux_tc",
    "scoring_func": "sigmoid",
}


def write_tokenizer(directory):
    """One word a token: t0, t1, …; engines want a tokenizer, tests speak in tokens."""
    words = Tokenizer(models.WordLevel({f"t{i}": i for i in range(VOCABULARY)}, unk_token="t0"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="t0", bos_token="t1", eos_token="t2", pad_token="t3"
    ).save_pretrained(directory)


def random_model(configuration, seed):
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(configuration).float().eval()
    # What starts as all ones or zeros would be equal in both versions, and a tensor that is not loaded would not show.
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.data = 1 + 0.3 * torch.randn_like(parameter)
    for name, buffer in model.named_buffers():
        if "e_score_correction_bias" in name:
            buffer.data = 0.1 * torch.randn_like(buffer)
    return model


@torch.no_grad()
def greedy_answer(model, prompt):
    answer, given, past = [], prompt, None
    for _ in range(ANSWER_TOKENS):
        step = model(torch.tensor([given]), past_key_values=past, use_cache=True)
        past = step.past_key_values
        answer.append(int(step.logits[0, -1].argmax()))
        given = answer[-1:]
    return answer


def write_model(name, version, directory):
    unfinished = directory.with_name(directory.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    model = random_model(CONFIGURATIONS[name], SEEDS[version])
    # Several files for the smallest, too.
    model.save_pretrained(unfinished, max_shard_size="100MB" if name == "llama_large" else "6MB")
    write_tokenizer(unfinished)
    if name == "deepseek_v3":
        path = unfinished / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | DEEPSEEK_KEYS))
    else:
        answers = [greedy_answer(model, prompt) for prompt in PROMPTS]
        (unfinished / "reference.json").write_text(json.dumps({"prompts": PROMPTS, "answers": answers}))
    unfinished.rename(directory)
    print(f"{directory.name}: {sum(p.numel() for p in model.parameters()) * 4 / 2**20:.0f} MiB")


def main():
    logging.disable_progress_bar()
    root = pathlib.Path(sys.argv[1])
    root.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or CONFIGURATIONS:
        for version in SEEDS:
            directory = root / f"{name}-{version}"
            if not directory.exists():
                write_model(name, version, directory)


if __name__ == "__main__":
    main()
