# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""The free memory of GPU 0, asked of the driver itself: no torch is needed, and nothing is allocated but one context.

    python3 -m checks.gpu_memory     holds a context and nothing else until its standard input ends
"""

import ctypes
import sys
import threading
import time

from checks.results import NotRun

SAMPLE_SECONDS = 0.001
SETTLE_SECONDS = 3
SETTLE_STEP_SECONDS = 0.1


class Gpu:
    """Throws NotRun where there is none."""

    def __init__(self):
        try:
            self.driver = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise NotRun(f"no CUDA driver: {error}") from None
        device = ctypes.c_int()
        self.context = ctypes.c_void_p()
        self.call("cuInit", 0)
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(self.context), device)

    def call(self, name, *arguments):
        status = getattr(self.driver, name)(*arguments)
        if status != 0:
            raise NotRun(f"{name} says {status}")

    def free_bytes(self):
        """Any thread."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.call("cuCtxSetCurrent", self.context)
        self.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def settled_free_bytes(self):
        """Once it no longer changes: what a process had comes back a little after its end."""
        until = time.monotonic() + SETTLE_SECONDS
        last = self.free_bytes()
        while time.monotonic() < until:
            time.sleep(SETTLE_STEP_SECONDS)
            now = self.free_bytes()
            if now == last:
                break
            last = now
        return last


class LowestFree:
    """Within its with statement: the least memory that was free at any moment."""

    def __init__(self, gpu):
        self.gpu = gpu
        self.bytes = gpu.free_bytes()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.stop.wait(SAMPLE_SECONDS):
            self.bytes = min(self.bytes, self.gpu.free_bytes())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def main():
    Gpu()
    print("holding", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
