# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Every route of a resident node against openapi.json, by a client that schemathesis generates from it: requests that the
document allows and requests that it does not. Each answer has to be one that the document names, with the body that it
describes. The same requests in each run.

    openapi_test.py NODE SINK    # the programs
"""

import copy
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import hypothesis
import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

PATIENCE = 60
REQUESTS_OF_A_KIND = 15
KEY = "a key"

CONFORMS = [checks.status_code_conformance, checks.content_type_conformance, checks.response_headers_conformance,
            checks.response_schema_conformance]
# Where checkpoint-engine's daemon says 500, so does the node.
MAY_FAIL = "/v1/checkpoints/"


def write_checkpoint(directory: pathlib.Path) -> pathlib.Path:
    header = json.dumps({"weight": {"dtype": "U8", "shape": [1000], "data_offsets": [0, 1000]}}).encode()
    directory.mkdir()
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(250) * 4)
    return directory


class OpenApiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.scratch)
        cls.checkpoint = write_checkpoint(cls.scratch / "checkpoint")
        port_file = cls.scratch / "port"
        cls.start("sink", SINK, "--workers", "1", "--verify", cls.checkpoint, "--port-file", port_file)
        cls.wait_until(lambda: port_file.exists() and port_file.read_text().strip())
        (cls.scratch / "key").write_text(KEY + "\n")
        log = cls.start("node", NODE, "serve", "--device", "host", "--inference-parallel-size", "1", "--endpoint",
                        "http://127.0.0.1:" + port_file.read_text().strip(), "--listen", "127.0.0.1:0",
                        "--listen-key-file", cls.scratch / "key", "--resident-memory", "10MiB")
        cls.wait_until(lambda: "listening at" in log.read_text())
        cls.node = "http://" + log.read_text().split("listening at http://")[1].split()[0]
        cls.authorized = {"Authorization": "Bearer " + KEY}
        cls.document = requests.get(cls.node + "/openapi.json", headers=cls.authorized, timeout=PATIENCE).json()

    @classmethod
    def start(cls, name, *command):
        log = cls.scratch / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=output)
        cls.addClassCleanup(process.wait, PATIENCE)
        cls.addClassCleanup(process.terminate)
        return log

    @staticmethod
    def wait_until(condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("it never comes")
            time.sleep(0.05)

    def operations(self, document=None):
        schema = schemathesis.openapi.from_dict(copy.deepcopy(document or self.document))
        return [one.ok() for one in schema.get_all_operations()]

    def check(self, case, answer, more=()):
        expected = [*CONFORMS, *more]
        if not case.operation.path.startswith(MAY_FAIL):
            expected.append(not_a_server_error)
        case.validate_response(answer, checks=expected)

    def call(self, case):
        return case.call(base_url=self.node, headers=self.authorized, timeout=PATIENCE)

    def try_out(self, operation, mode):
        """Returns how many requests were tried."""
        count = 0

        @hypothesis.settings(max_examples=REQUESTS_OF_A_KIND, derandomize=True, database=None, deadline=None,
                             suppress_health_check=list(hypothesis.HealthCheck), phases=[hypothesis.Phase.generate])
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def test(case):
            nonlocal count
            count += 1
            more = [checks.negative_data_rejection] if mode == GenerationMode.NEGATIVE else []
            self.check(case, self.call(case), more)

        test()
        return count

    def test_answers_as_the_document_says(self):
        for operation in self.operations():
            parts = self.document["paths"][operation.path][operation.method]
            can_be_wrong = "requestBody" in parts or "parameters" in parts  # The path alone can hold any text.
            for mode in GenerationMode if can_be_wrong else [GenerationMode.POSITIVE]:
                with self.subTest(operation=operation.label, mode=mode.value):
                    self.assertGreater(self.try_out(operation, mode), 0)

    def test_lets_nobody_in_without_the_key(self):
        for operation in self.operations():
            with self.subTest(operation=operation.label):
                case = operation.Case(path_parameters={"id": "1", "version": "1", "name": "1"})
                answer = case.call(base_url=self.node, headers={}, timeout=PATIENCE)
                self.check(case, answer)
                is_public = operation.path in ("/healthz", "/readyz", "/v1/healthz")
                self.assertEqual(answer.status_code, 200 if is_public else 401)

    def test_answers_as_the_document_says_where_there_is_an_update(self):
        operations = {one.label: one for one in self.operations()}

        def ask(label, expected, **parts):
            case = operations[label].Case(**parts)
            answer = self.call(case)
            self.assertEqual(answer.status_code, expected, answer.text)
            self.check(case, answer)
            return answer

        body = {"checkpoint_path": str(self.checkpoint), "version": "v1"}
        here = {"id": ask("POST /v1/updates", 202, body=body, media_type="application/json").json()["id"]}
        done = ask("GET /v1/updates/{id}", 200, path_parameters=here, query={"wait": PATIENCE}).json()
        self.assertEqual(done["state"], "updated", done)
        ask("GET /v1/updates/{id}/trace", 200, path_parameters=here)
        ask("POST /v1/updates/{id}/commit", 200, path_parameters=here)
        ask("DELETE /v1/updates/{id}", 409, path_parameters=here)
        ask("DELETE /v1/versions/{version}", 409, path_parameters={"version": "v1"})
        for listed in ("updates", "versions", "engines", "hosts"):
            self.assertNotEqual(ask(f"GET /v1/{listed}", 200).json(), [])
        name = {"name": "v2"}
        body = {"files": [str(self.checkpoint / "model.safetensors")]}
        ask("POST /v1/checkpoints/{name}/files", 200, path_parameters=name, body=body, media_type="application/json")
        ask("POST /v1/checkpoints/{name}/gather-metas", 200, path_parameters=name)
        ask("POST /v1/checkpoints/{name}/update", 200, path_parameters=name, body={}, media_type="application/json")
        ask("DELETE /v1/checkpoints/{name}", 200, path_parameters=name)
        ask("POST /v1/rollback", 202, body={}, media_type="application/json")

    def test_finds_what_the_document_does_not_say(self):
        document = copy.deepcopy(self.document)
        del document["paths"]["/v1/updates/{id}"]["get"]["responses"]["404"]
        document["components"]["schemas"]["Error"]["required"] = ["reason"]
        operations = {one.label: one for one in self.operations(document)}
        for label in ("GET /v1/updates/{id}", "DELETE /v1/updates/{id}"):
            case = operations[label].Case(path_parameters={"id": "1"})
            with self.assertRaises(FailureGroup, msg=label):
                self.check(case, self.call(case))


if __name__ == "__main__":
    NODE, SINK = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
