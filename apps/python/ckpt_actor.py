# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Asks a resident node (ckpt-actor-node serve) to bring weights into its engines.

One file, nothing but the standard library: copy it, or put its folder on PYTHONPATH.

    from ckpt_actor import Client
    Client("unix:/run/ckpt.sock").publish("/dev/shm/step-100", "step-100").wait()
"""

from __future__ import annotations

import dataclasses
import http.client
import ipaddress
import json
import math
import os
import pathlib
import socket
import ssl
import time
import typing
import urllib.parse

_ANSWER_SECONDS = 30.0
_POLL_SECONDS = 30.0
_PATIENCE_SECONDS = 60.0  # with a node that is busy, or whose host 0 is away, while somebody waits for an update


class NodeError(Exception):
    """The node refuses what it was asked for, or cannot be reached. `status` is HTTP's, 0 without an answer."""

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


class UpdateFailed(Exception):
    """The update is over and no success. `update` is what the node says of it, with the report."""

    def __init__(self, update: dict[str, typing.Any]) -> None:
        super().__init__(f"update {update['id']} of version {update['version']} {update['state']}: {update['error']}")
        self.update = update


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclasses.dataclass(frozen=True)
class Update:
    """One update that the node was asked for."""

    client: Client
    id: str

    def describe(self) -> dict[str, typing.Any]:
        """State, progress, and once it is over the report."""
        return self.client.call("GET", f"/v1/updates/{self.id}")

    def wait(self, timeout: float | None = None) -> dict[str, typing.Any]:
        """Until it is over, or prepared and waits for commit(). Raises UpdateFailed, or TimeoutError after so many
        seconds: the update itself goes on then."""
        deadline = None if timeout is None else time.monotonic() + timeout
        answered = time.monotonic()
        while True:
            left = _POLL_SECONDS if deadline is None else min(_POLL_SECONDS, deadline - time.monotonic())
            try:
                described = self.client.call("GET", f"/v1/updates/{self.id}?wait={max(left, 0):.3f}", wait=max(left, 0))
                answered = time.monotonic()
            except NodeError as error:
                patience_ends = min(answered + _PATIENCE_SECONDS, math.inf if deadline is None else deadline)
                if error.status not in (429, 503) or time.monotonic() >= patience_ends:
                    raise
                time.sleep(1)
                continue
            if described["waits_for_commit"] or described["state"] == "updated":
                return described
            if described["over"]:
                raise UpdateFailed(described)
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"update {self.id} is not over after {timeout} s: {described['state']}")

    def commit(self) -> Update:
        """Lets a prepared update happen."""
        self.client.call("POST", f"/v1/updates/{self.id}/commit")
        return self

    def trace(self) -> dict[str, typing.Any]:
        """What all hosts did in it and when, in the Chrome trace format, once it is over; only the last updates have one.
        json.dump() it to a file for ui.perfetto.dev."""
        return self.client.call("GET", f"/v1/updates/{self.id}/trace")

    def cancel(self) -> None:
        """Ends an update that no engine has been asked for yet."""
        self.client.call("DELETE", f"/v1/updates/{self.id}")


class Client:
    """`node`: "unix:PATH" or "ADDRESS:PORT", as the node's --listen has it. An ADDRESS that is no loopback one is
    spoken to in https; "https://ADDRESS:PORT" and "http://ADDRESS:PORT" say which it is. `key`: of --listen-key-file,
    over TCP. `ca`: file with the certificate of the authority that the node's certificate has to be from; without it,
    one that the system trusts. The certificate has to be for ADDRESS.

    Has no connection between calls. Every method raises NodeError; the constructor OSError for a `ca` that is none."""

    def __init__(self, node: str, key: str | None = None, ca: str | os.PathLike[str] | None = None) -> None:
        self.node = node
        self._key = key
        scheme, found, address = node.rpartition("://")
        self._address = address.removesuffix("/")
        self._tls = None
        is_for_tls = scheme == "https" if found else ca is not None or not _is_loopback(address)
        if is_for_tls and not node.startswith("unix:"):
            self._tls = ssl.create_default_context(cafile=ca)

    def publish(self, checkpoint_path: str | os.PathLike[str], version: str, *, prepare_only: bool = False,
                pause: str | None = None, force: bool = False, engines: typing.Sequence[str] = (),
                method: str | None = None) -> Update:
        """Brings a checkpoint into the engines as this version. Asked again while they serve it, it is the same update,
        unless `force` asks for another: after an engine was restarted, which the node does not see. `engines`: only
        these, by their endpoints (HOST@ENDPOINT where several hosts have one of that name). `method`: "broadcast" (the
        default), "p2p": to `engines`, from memory alone, or "all": and then to hosts that join."""
        body = {"checkpoint_path": str(pathlib.Path(checkpoint_path).absolute()), "version": version, "pause": pause,
                "prepare_only": prepare_only, "force": force, "engines": list(engines), "method": method}
        return Update(self, self.call("POST", "/v1/updates", body)["id"])

    def rollback(self, version: str | None = None, *, engines: typing.Sequence[str] = ()) -> Update:
        """Brings back the version before, or this one; to all engines, or to these."""
        return Update(self, self.call("POST", "/v1/rollback", {"version": version, "engines": list(engines)})["id"])

    def engines(self) -> list[dict[str, typing.Any]]:
        return self.call("GET", "/v1/engines")

    def hosts(self) -> list[dict[str, typing.Any]]:
        return self.call("GET", "/v1/hosts")

    def updates(self) -> list[dict[str, typing.Any]]:
        return self.call("GET", "/v1/updates")

    def versions(self) -> list[dict[str, typing.Any]]:
        return self.call("GET", "/v1/versions")

    def drop(self, version: str) -> None:
        """Forgets a version that no engine serves, and cancels its updates; not while one is committing."""
        self.call("DELETE", "/v1/versions/" + urllib.parse.quote(version, safe=""))

    def call(self, method: str, target: str, body: dict[str, typing.Any] | None = None, wait: float = 0) -> typing.Any:
        """One request; its answer out of JSON. `wait`: how long the node may take beyond the usual."""
        connection = self._connect(_ANSWER_SECONDS + wait)
        headers = {} if self._key is None else {"Authorization": "Bearer " + self._key}
        try:
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise NodeError(f"the node at {self.node}: {error}") from error
        finally:
            connection.close()
        try:
            said = json.loads(text)
        except ValueError:
            raise NodeError(f"the node at {self.node} does not answer in JSON", answer.status) from None
        if answer.status >= 300:
            raise NodeError(said.get("error", str(said)) if isinstance(said, dict) else str(said), answer.status)
        return said

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        if self.node.startswith("unix:"):
            return _UnixConnection(self.node.removeprefix("unix:"), timeout)
        if self._tls is not None:
            return http.client.HTTPSConnection(self._address, timeout=timeout, context=self._tls)
        return http.client.HTTPConnection(self._address, timeout=timeout)
