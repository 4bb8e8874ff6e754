// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Finds the tensors of a list in the shared buffer.

#include "apps/sink/worker_message.hpp"
#include "io/extent.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ckpt::apps::sink {

/// Bytes of one element of the type that is the attribute `name` of torch; nothing for an unknown one.
[[nodiscard]] std::optional<std::size_t> torch_item_bytes(std::string_view name) noexcept;

/// The place of `tensor` in a buffer of that size. Throws std::runtime_error naming the tensor when its dtype
/// is unknown, its offset is not a multiple of the item size, or it does not lie inside the buffer.
[[nodiscard]] io::extent place_of(const sent_tensor& tensor, std::uint64_t buffer_bytes);

} // namespace ckpt::apps::sink
