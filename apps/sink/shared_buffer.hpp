// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The buffer that a pusher shares with a worker, mapped for reading, and the places of tensors in it. One
// thread uses a buffer.

#include "apps/sink/worker_message.hpp"

#include <cstddef>
#include <optional>
#include <span>

namespace ckpt::apps::sink {

class shared_buffer {
public:
  /// Maps the file. Throws std::system_error, or std::runtime_error when it is not a regular file of that
  /// size.
  explicit shared_buffer(const file_handle& handle);
  shared_buffer(const shared_buffer&) = delete;
  shared_buffer& operator=(const shared_buffer&) = delete;
  ~shared_buffer() noexcept;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

private:
  std::span<const std::byte> bytes_;
};

/// Bytes of one element of the type that is the attribute `name` of torch; nothing for an unknown one.
[[nodiscard]] std::optional<std::size_t> torch_item_bytes(std::string_view name) noexcept;

/// The bytes of `tensor` in `buffer`. Throws std::runtime_error naming the tensor when its dtype is unknown,
/// its offset is not a multiple of the item size, or it does not lie inside the buffer.
[[nodiscard]] std::span<const std::byte> bytes_of(const sent_tensor& tensor,
                                                  std::span<const std::byte> buffer);

} // namespace ckpt::apps::sink
