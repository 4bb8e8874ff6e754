// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Checks a tensor table that another host has sent: what open_checkpoint() guarantees of one that it built
// from files. Pure; any thread.

#include "io/checkpoint/checkpoint.hpp"

#include <string_view>

namespace ckpt::io {

/// Throws checkpoint_error, in which `from` takes the place of the file: a file or a tensor without a name or
/// with one that is there twice, a tensor outside its file, or whose shape and dtype do not give its bytes,
/// tensors that overlap or are not in the order of their offsets, a wrong sum, no tensors at all.
void require_sound_table(const checkpoint& table, std::string_view from);

} // namespace ckpt::io
