// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Checks a tensor table that another host has sent. It has to be as sound as one that open_checkpoint() built
// from files. Pure; any thread.

#include "io/checkpoint/checkpoint.hpp"

#include <string_view>

namespace ckpt::io {

/// Throws checkpoint_error, with `from` in place of the file. It refuses names that are empty or occur twice,
/// files of impossible sizes, tensors outside their file or of another size than shape and dtype give,
/// tensors that overlap or are not in the order of their offsets, a wrong sum, and a table without tensors.
void require_sound_table(const checkpoint& table, std::string_view from);

} // namespace ckpt::io
