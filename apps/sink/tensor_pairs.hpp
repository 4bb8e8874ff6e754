// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pairs of tensors that an engine needs in one list, for one of two reasons. Some code fuses two tensors into
// one parameter and forgets, at the end of the list, one whose other half has not come. Other code keeps a
// view into the shared buffer until the other half comes, when the buffer may have been overwritten. Neither
// raises an error. Pure; any thread.

#include "apps/sink/options.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ckpt::apps::sink {

/// The ends of the two names. Before them the names are the same.
struct tensor_pair {
  std::string_view one;
  std::string_view other;
};

/// The pairs of the models that workers of this kind imitate; none for consumption::copy and its like.
[[nodiscard]] std::span<const tensor_pair> pairs_of(consumption how);

/// The name of `name`'s other half, whether the checkpoint has it or not; nothing when it belongs to no pair.
[[nodiscard]] std::optional<std::string> partner_of(std::string_view name, consumption how);

} // namespace ckpt::apps::sink
