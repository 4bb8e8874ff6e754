# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""Passes connections on between a Unix socket and TCP: SGLang cannot listen on a Unix socket, and Python's HTTP client cannot
ask one.
"""

import contextlib
import socket
import threading


def unix_listener(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


def tcp_listener():
    return socket.create_server(("127.0.0.1", 0))


def unix_connector(path):
    def connect():
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
        except OSError:  # nobody listens yet, or any more
            connection.close()
            raise
        return connection

    return connect


def tcp_connector(port):
    return lambda: socket.create_connection(("127.0.0.1", port))


class Relay:
    """Accepts at `listener` until it is closed; each connection goes to a new one that `connect` makes."""

    def __init__(self, listener, connect):
        self.listener, self.connect = listener, connect
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self.listener.accept()
                try:
                    far = self.connect()
                except OSError:
                    near.close()
                    continue
                threading.Thread(target=self.pass_both_ways, args=(near, far), daemon=True).start()

    def pass_both_ways(self, near, far):
        with near, far:
            back = threading.Thread(target=self.pass_on, args=(far, near), daemon=True)
            back.start()
            self.pass_on(near, far)
            back.join()

    @staticmethod
    def pass_on(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        # The other direction may still have something to say.
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
