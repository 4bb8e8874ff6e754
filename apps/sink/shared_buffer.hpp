// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The buffer that a pusher shares with a worker, a file or memory of a GPU, and the places of tensors in it.
// One thread uses a buffer.

#include "apps/sink/worker_message.hpp"
#include "io/extent.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

namespace ckpt::apps::sink {

class shared_buffer {
public:
  /// Lets go of it.
  virtual ~shared_buffer() noexcept = default;

  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;

  /// The bytes at `place`, which lies inside; valid until the next call.
  [[nodiscard]] virtual std::span<const std::byte> read(io::extent place) = 0;
};

/// Maps the file. Throws std::system_error, or std::runtime_error when it is not a regular file of that size.
[[nodiscard]] std::unique_ptr<shared_buffer> open_file(const file_handle& handle);

/// Opens memory of the GPU with the UUID `device`. Throws gpu::cuda_error.
[[nodiscard]] std::unique_ptr<shared_buffer> open_cuda_memory(const cuda_handle& handle,
                                                              const std::string& device);

/// Bytes of one element of the type that is the attribute `name` of torch; nothing for an unknown one.
[[nodiscard]] std::optional<std::size_t> torch_item_bytes(std::string_view name) noexcept;

/// Where `tensor` lies in a buffer of that size. Throws std::runtime_error naming the tensor when its dtype
/// is unknown, its offset is not a multiple of the item size, or it does not lie inside the buffer.
[[nodiscard]] io::extent place_of(const sent_tensor& tensor, std::uint64_t buffer_bytes);

} // namespace ckpt::apps::sink
