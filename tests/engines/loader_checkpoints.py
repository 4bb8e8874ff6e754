# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Writes small checkpoints with the names and dtypes of models whose tensors have to reach an engine together.

Usage: loader_checkpoints.py DIRECTORY SEED

Each has twelve layers in four files. Every tensor lies in a file drawn by lot, so that the halves of most pairs are in
two; inside a file the safetensors library puts wide dtypes first, so that scales are far from their weights.
"""

import json
import pathlib
import random
import sys

import torch
from safetensors.torch import save_file

LAYERS = 12
HIDDEN = 256
VOCABULARY = 16384
EXPERTS = 2
BLOCK = 128  # of FP8's scales
SHARDS = 4

F32, BF16, FP8, E8M0 = torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e8m0fnu

# Latent attention as in DeepSeek-V3: two heads of 64 + 64 (rotated) dimensions, values of 64.
HEADS, NOPE, ROPE, VALUE, RANK = 2, 64, 64, 64, 128
# The indexer of DeepSeek-V3.2.
INDEX_HEADS, INDEX_DIM = 4, 128
# DeepSeek-V4: groups of the output projection, streams of its residual connection.
OUTPUT_GROUPS, STREAMS = 2, 4


def quantised(name, rows, columns, scale="weight_scale_inv", scale_dtype=F32):
    """A weight in FP8 and a scale for each of its blocks."""
    yield f"{name}.weight", FP8, (rows, columns)
    yield f"{name}.{scale}", scale_dtype, (-(-rows // BLOCK), -(-columns // BLOCK))


def feed_forward(name, width, names=("gate_proj", "up_proj", "down_proj"), **scale):
    gate, up, down = names
    yield from quantised(f"{name}.{gate}", width, HIDDEN, **scale)
    yield from quantised(f"{name}.{up}", width, HIDDEN, **scale)
    yield from quantised(f"{name}.{down}", HIDDEN, width, **scale)


def latent_attention(name, with_indexer):
    yield from quantised(f"{name}.q_a_proj", RANK, HIDDEN)
    yield from quantised(f"{name}.q_b_proj", HEADS * (NOPE + ROPE), RANK)
    yield from quantised(f"{name}.kv_a_proj_with_mqa", RANK + ROPE, HIDDEN)
    yield from quantised(f"{name}.kv_b_proj", HEADS * (NOPE + VALUE), RANK)
    yield from quantised(f"{name}.o_proj", HIDDEN, HEADS * VALUE)
    yield f"{name}.q_a_layernorm.weight", BF16, (RANK,)
    yield f"{name}.kv_a_layernorm.weight", BF16, (RANK,)
    if with_indexer:
        yield from quantised(f"{name}.indexer.wq_b", INDEX_HEADS * INDEX_DIM, RANK)
        yield from quantised(f"{name}.indexer.wk", INDEX_DIM, HIDDEN)
        yield f"{name}.indexer.k_norm.weight", F32, (INDEX_DIM,)
        yield f"{name}.indexer.k_norm.bias", F32, (INDEX_DIM,)
        yield f"{name}.indexer.weights_proj.weight", BF16, (INDEX_HEADS, HIDDEN)


def deepseek_v3(dense_layers, prediction_layers, with_indexer=False):
    """The names of DeepSeek-V3, R1 and V3.2, and of Kimi-K2."""
    yield "model.embed_tokens.weight", BF16, (VOCABULARY, HIDDEN)
    yield "model.norm.weight", BF16, (HIDDEN,)
    yield "lm_head.weight", BF16, (VOCABULARY, HIDDEN)
    for number in range(LAYERS + prediction_layers):
        layer = f"model.layers.{number}"
        yield f"{layer}.input_layernorm.weight", BF16, (HIDDEN,)
        yield f"{layer}.post_attention_layernorm.weight", BF16, (HIDDEN,)
        yield from latent_attention(f"{layer}.self_attn", with_indexer)
        if number < dense_layers:
            yield from feed_forward(f"{layer}.mlp", 512)
            continue
        yield f"{layer}.mlp.gate.weight", BF16, (EXPERTS, HIDDEN)
        yield f"{layer}.mlp.gate.e_score_correction_bias", F32, (EXPERTS,)
        yield from feed_forward(f"{layer}.mlp.shared_experts", 128)
        for expert in range(EXPERTS):
            yield from feed_forward(f"{layer}.mlp.experts.{expert}", 128)
        if number >= LAYERS:
            yield f"{layer}.enorm.weight", BF16, (HIDDEN,)
            yield f"{layer}.hnorm.weight", BF16, (HIDDEN,)
            yield f"{layer}.eh_proj.weight", BF16, (HIDDEN, 2 * HIDDEN)
            yield f"{layer}.shared_head.norm.weight", BF16, (HIDDEN,)


def compressor(name, ratio, width):
    yield f"{name}.wkv.weight", BF16, (2 * width, HIDDEN)
    yield f"{name}.wgate.weight", BF16, (2 * width, HIDDEN)
    yield f"{name}.norm.weight", BF16, (width,)
    yield f"{name}.ape", F32, (ratio, 2 * width)


def compressed_attention(name, compress_ratio):
    scale = {"scale": "scale", "scale_dtype": E8M0}
    yield from quantised(f"{name}.wq_a", RANK, HIDDEN, **scale)
    yield from quantised(f"{name}.wq_b", HEADS * 128, RANK, **scale)
    yield from quantised(f"{name}.wkv", 128, HIDDEN, **scale)
    yield from quantised(f"{name}.wo_a", OUTPUT_GROUPS * RANK, HEADS * 128 // OUTPUT_GROUPS, **scale)
    yield from quantised(f"{name}.wo_b", HIDDEN, OUTPUT_GROUPS * RANK, **scale)
    yield f"{name}.q_norm.weight", BF16, (RANK,)
    yield f"{name}.kv_norm.weight", BF16, (128,)
    yield f"{name}.attn_sink", F32, (HEADS,)
    if compress_ratio:
        yield from compressor(f"{name}.compressor", compress_ratio, 128)
    if compress_ratio == 4:
        yield from quantised(f"{name}.indexer.wq_b", INDEX_HEADS * INDEX_DIM, RANK, **scale)
        yield f"{name}.indexer.weights_proj.weight", BF16, (INDEX_HEADS, HIDDEN)
        yield from compressor(f"{name}.indexer.compressor", 4, INDEX_DIM)


def streams(name, count):
    yield f"{name}_fn", F32, (count, STREAMS * HIDDEN)
    yield f"{name}_base", F32, (count,)
    yield f"{name}_scale", F32, (3,)


def deepseek_v4():
    """Experts in FP4, two values a byte; the scales are bare exponents."""
    yield "embed.weight", BF16, (VOCABULARY, HIDDEN)
    yield "norm.weight", BF16, (HIDDEN,)
    yield "head.weight", BF16, (VOCABULARY, HIDDEN)
    yield from streams("hc_head", STREAMS)
    for number in range(LAYERS + 1):
        layer = "mtp.0" if number == LAYERS else f"layers.{number}"
        yield f"{layer}.attn_norm.weight", BF16, (HIDDEN,)
        yield f"{layer}.ffn_norm.weight", BF16, (HIDDEN,)
        yield from streams(f"{layer}.hc_attn", 24)
        yield from streams(f"{layer}.hc_ffn", 24)
        yield from compressed_attention(f"{layer}.attn", 0 if number < 2 or number == LAYERS else (4, 128)[number % 2])
        yield f"{layer}.ffn.gate.weight", BF16, (EXPERTS, HIDDEN)
        if number < 3:
            yield f"{layer}.ffn.gate.tid2eid", torch.int64, (VOCABULARY, 2)
        else:
            yield f"{layer}.ffn.gate.bias", F32, (EXPERTS,)
        names = ("w1", "w3", "w2")
        yield from feed_forward(f"{layer}.ffn.shared_experts", 128, names, scale="scale", scale_dtype=E8M0)
        for expert in range(EXPERTS):
            for name, rows, columns in (("w1", 128, HIDDEN), ("w3", 128, HIDDEN), ("w2", HIDDEN, 128)):
                yield f"{layer}.ffn.experts.{expert}.{name}.weight", torch.int8, (rows, columns // 2)
                yield f"{layer}.ffn.experts.{expert}.{name}.scale", E8M0, (rows, columns // 32)
    yield from quantised("mtp.0.e_proj", HIDDEN, HIDDEN, scale="scale", scale_dtype=E8M0)
    yield from quantised("mtp.0.h_proj", HIDDEN, HIDDEN, scale="scale", scale_dtype=E8M0)


MODELS = {
    "deepseek_v3": lambda: deepseek_v3(dense_layers=3, prediction_layers=1),
    "deepseek_v32": lambda: deepseek_v3(dense_layers=3, prediction_layers=1, with_indexer=True),
    "kimi_k2": lambda: deepseek_v3(dense_layers=1, prediction_layers=0),
    "deepseek_v4": deepseek_v4,
}


def random_tensor(dtype, shape):
    """Numbers only: engines multiply weights with scales, and whether a NaN keeps its bits is nobody's promise."""
    if dtype == FP8:
        values = torch.randint(0, 0x7F, shape, dtype=torch.uint8) | (torch.randint(0, 2, shape, dtype=torch.uint8) << 7)
        return values.view(FP8)
    if dtype == E8M0:
        return torch.randint(120, 135, shape, dtype=torch.uint8).view(E8M0)
    if dtype.is_floating_point:
        return torch.rand(shape, dtype=dtype)
    return torch.randint(0, 127, shape, dtype=dtype)


def write_checkpoint(directory, tensors, dice):
    directory.mkdir(parents=True)
    files = [f"model-{number + 1:05}-of-{SHARDS:05}.safetensors" for number in range(SHARDS)]
    contents = {name: {} for name in files}
    weight_map = {}
    for name, dtype, shape in tensors:
        file = dice.choice(files)
        contents[file][name] = random_tensor(dtype, shape)
        weight_map[name] = file
    for file, content in contents.items():
        save_file(content, directory / file, {"format": "pt"})
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))


def main():
    root = pathlib.Path(sys.argv[1])
    dice = random.Random(int(sys.argv[2]))
    torch.manual_seed(int(sys.argv[2]))
    for name, tensors in MODELS.items():
        write_checkpoint(root / name, tensors(), dice)


if __name__ == "__main__":
    main()
