# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
"""What can only be checked on a GPU. See ../README.md; __main__.py is where to start reading."""
