// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tensors that an engine takes together: with one of them alone it can do nothing yet. Two kinds of engine
// code need both in one list. One fuses two tensors into one parameter and forgets, at the end of the list,
// the one whose other half has not come. The other keeps a view into the shared buffer until the other half
// comes, when the buffer may have been filled anew. Neither raises an error. Pure; any thread.

#include "apps/sink/options.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ckpt::apps::sink {

/// The ends of two names that are the same up to there.
struct tensor_pair {
  std::string_view one;
  std::string_view other;
};

/// Those of the models that workers of this kind play; none for consumption::copy and its like.
[[nodiscard]] std::span<const tensor_pair> pairs_of(consumption how);

/// The name of the tensor that belongs to `name`, whether the checkpoint has it or not; nothing when it
/// stands alone.
[[nodiscard]] std::optional<std::string> partner_of(std::string_view name, consumption how);

} // namespace ckpt::apps::sink
