# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Tensors that an engine has to get in one call, as the published worker on torch gets them from the smallest buckets."""

import json
import subprocess
import sys

from checks import checkpoints
from checks.packages import require_worker
from checks.processes import EngineHost
from checks.real_worker import check_update
from checks.results import CheckFailed

LAYERS = 24
WRITE_SECONDS = 90
SMALLEST_BUCKETS = ("--bucket-size", "4KiB")

# A weight and its scale, and q_a_proj and kv_a_proj_with_mqa, are in different shards.
WRITE_SCRIPT = """
import json, pathlib, sys, torch
from safetensors.torch import save_file
folder, layers = pathlib.Path(sys.argv[1]), int(sys.argv[2])
folder.mkdir()
shards = [{}, {}]
def add(shard, name, *shape, dtype=torch.bfloat16):
    shards[shard % 2][name] = torch.rand(shape).to(dtype)
for layer in range(layers):
    at = f"model.layers.{layer}."
    for number, name in enumerate(("q_a_proj", "kv_a_proj_with_mqa", "q_b_proj")):
        add(layer + number, f"{at}self_attn.{name}.weight", 256, 384, dtype=torch.float8_e4m3fn)
        add(layer + number + 1, f"{at}self_attn.{name}.weight_scale_inv", 2, 3, dtype=torch.float32)
    add(layer, f"{at}self_attn.q_a_layernorm.weight", 256)
    for expert in range(8):
        for name in ("gate_proj", "down_proj"):
            add(expert, f"{at}mlp.experts.{expert}.{name}.weight", 128, 256, dtype=torch.float8_e4m3fn)
            add(expert + 1, f"{at}mlp.experts.{expert}.{name}.weight_scale_inv", 1, 2, dtype=torch.float32)
    add(layer, f"{at}input_layernorm.weight", 384)
weight_map = {}
for number, tensors in enumerate(shards):
    file = f"model-{number + 1:05}-of-00002.safetensors"
    save_file(tensors, folder / file, {"format": "pt"})
    weight_map |= {name: file for name in tensors}
(folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
print(json.dumps(sorted(weight_map)))
"""


def write_checkpoint(place):
    """Returns the folder and the tensors' names."""
    folder = place.in_work("groups")
    result = subprocess.run([sys.executable, "-B", "-c", WRITE_SCRIPT, str(folder), str(LAYERS)], capture_output=True,
                            text=True, timeout=WRITE_SECONDS, check=False)
    if result.returncode != 0:
        raise CheckFailed(result.stderr[-500:])
    return folder, json.loads(result.stdout)


def group_of(name):
    """All of an attention module belong together, and otherwise all of a module."""
    module, attention, _ = name.partition(".self_attn.")
    return module + attention if attention else name.rpartition(".")[0]


def divided_groups(lists):
    """The groups of which one list has a part and another list the rest."""
    seen, divided = {}, set()
    for number, names in enumerate(lists):
        for name in names:
            if seen.setdefault(group_of(name), number) != number:
                divided.add(group_of(name))
    return sorted(divided)


def run(place, recorder):
    require_worker(place.worker_packages)
    folder, names = write_checkpoint(place)
    with recorder.attempt("groups through buckets of 4 KiB"), EngineHost(place, folder) as host:
        host.ask("/behave", {"tell_lists": True})
        checkpoints.drop_from_page_cache(folder)
        check_update(place, host, folder, len(names), *SMALLEST_BUCKETS)
        lists = host.worker()["lists"]
        divided = divided_groups(lists)
        if sorted(name for each in lists for name in each) != names:
            raise CheckFailed("the names are not those of the checkpoint")
        if divided:
            raise CheckFailed(f"{len(divided)} groups came in several lists: {', '.join(divided[:5])}")
        groups = len({group_of(name) for name in names})
        recorder.ok("groups through buckets of 4 KiB", f"{groups} groups", note=f"{len(names)} tensors, {len(lists)} lists")
