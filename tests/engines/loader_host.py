# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Plays an SGLang server (tests/interop/engine_host.py) whose worker hands every list of tensors to the loader of an
engine's model, see stub_models.py. Afterwards each parameter has to have been given what it is given when the loader is
called once with everything, sorted by name.

Usage: loader_host.py ENGINE DIRECTORY

The version of an update says which checkpoint of the directory it brings: "deepseek_v3", or "deepseek_v3/…". A
worker's verdict is
{"error": text or null, "parts": N, "wrong": [text, …], "incomplete": [name, …], "controls": {what: [name, …], …}}:
`incomplete` lists parameters that are given nothing in one call either; `controls` lists what comes out wrong when the
same tensors are cut without regard to groups.
"""

import argparse
import contextlib
import functools
import json
import pathlib
import sys

from safetensors import safe_open

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
import engine_host
import stub_models


def read(checkpoint, sort):
    """The tensors file by file, in each as `sort` has them, read anew: some loaders write to what they are given."""
    for path in sorted(checkpoint.glob("model-*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in sort(file):
                yield name, file.get_tensor(name)


def by_name(checkpoint):
    yield sorted(read(checkpoint, lambda file: file.keys()), key=lambda named: named[0])


def by_offset(checkpoint):
    yield list(read(checkpoint, lambda file: file.offset_keys()))


def one_by_one(checkpoint):
    """Lists of one tensor, in memory that is used again afterwards, as a ring of buckets is."""
    for tensors in by_name(checkpoint):
        for name, tensor in tensors:
            yield [(name, tensor)]
            tensor.zero_()


class Expectation:
    """The parts that one call by name gives to each parameter, and those that the controls get wrong."""

    controls = {"one tensor a list": one_by_one, "one list by offset": by_offset}

    def __init__(self, make_model, checkpoint):
        self.make_model = make_model
        self.names = json.loads((checkpoint / "model.safetensors.index.json").read_text())["weight_map"].keys()
        record, self.parts = self.load(by_name(checkpoint))
        loaded = {name for name, _ in self.parts}
        self.incomplete = [name for name in record.names if name not in loaded]
        self.control_results = {
            what: sorted({name for name, _ in self.differences(self.load(lists(checkpoint), strict=False)[1])})
            for what, lists in self.controls.items()
        }

    def load(self, lists, strict=True):
        record = stub_models.Record()
        model = self.make_model(self.names, record)
        for tensors in lists:
            # A loader may refuse a list that lacks something.
            with contextlib.nullcontext() if strict else contextlib.suppress(Exception):
                model.load_weights(tensors)
        return record, record.finish()

    def differences(self, parts):
        """{part: in what it is not as it should be}"""
        found = {key: "was not to be loaded" for key in parts.keys() - self.parts.keys()}
        for key, expected in self.parts.items():
            text = engine_host.difference(expected, parts[key]) if key in parts else "was not loaded"
            if text:
                found[key] = text
        return found


class LoaderCollector:
    """Takes one update: hands each list to an engine's loader, and compares afterwards."""

    def __init__(self, expectation):
        self.expectation = expectation
        self.record = stub_models.Record()
        self.model = expectation.make_model(expectation.names, self.record)
        self.wrong = []

    def load(self, weights):
        self.model.load_weights(weights)

    def post_hook(self):
        pass

    def compare(self):
        differences = self.expectation.differences(self.record.finish())
        self.wrong = [f"{name} {part}: {text}" for (name, part), text in sorted(differences.items())]

    def verdict(self):
        return {
            "parts": len(self.expectation.parts),
            "wrong": self.wrong[: engine_host.WRONG_SHOWN_MAX],
            "incomplete": self.expectation.incomplete,
            "controls": self.expectation.control_results,
        }


def collectors(engine, root, _number):
    """For run_worker. The checkpoint of the last update is kept in mind: the next is likely to bring it again."""
    models = stub_models.load_models(engine)

    @functools.lru_cache(1)
    def expectation(name):
        return Expectation(models[name], root / name)

    return lambda version: LoaderCollector(expectation(version.partition("/")[0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine")
    parser.add_argument("root", type=pathlib.Path)
    options = parser.parse_args()
    engine_host.serve(1, functools.partial(collectors, options.engine, options.root))


if __name__ == "__main__":
    main()
