# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""A test with a folder of its own, and quiet."""

import contextlib
import io
import pathlib
import tempfile
import unittest

from checks.place import standard_place


class ScratchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="checks-test-")
        self.addCleanup(folder.cleanup)
        self.scratch = pathlib.Path(folder.name)
        quiet = contextlib.redirect_stdout(io.StringIO())
        quiet.__enter__()
        self.addCleanup(quiet.__exit__, None, None, None)

    def place(self):
        return standard_place(None, self.scratch, "1GiB", "host")
