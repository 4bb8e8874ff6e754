// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The buffer that a pusher shares with a worker: a file, or GPU memory. One thread uses a buffer.

#include "apps/sink/consumer.hpp"
#include "apps/sink/worker_message.hpp"
#include "io/extent.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>

namespace ckpt::apps::sink {

class shared_buffer {
public:
  /// Closes it.
  virtual ~shared_buffer() noexcept = default;

  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;

  /// Loads the bytes at `place`, which lies inside, as an engine would. A GPU may copy until settle().
  virtual void load(io::extent place, consumer& work) = 0;

  /// The bytes at `place`, which lies inside. Throws std::logic_error for GPU memory.
  [[nodiscard]] virtual std::span<const std::byte> bytes(io::extent /*place*/) const {
    throw std::logic_error{"the bytes of a GPU's memory cannot be looked at here"};
  }

  /// Waits until no load() is under way.
  virtual void settle() = 0;

  /// Compares `expected` with the buffer from `offset` on, all of it inside. Returns the index in `expected`
  /// of the first byte that differs; nothing if all are the same. A GPU compares its own memory.
  [[nodiscard]] virtual std::optional<std::uint64_t> difference(std::uint64_t offset,
                                                                std::span<const std::byte> expected) = 0;
};

/// Maps the file. Throws std::system_error, or std::runtime_error when it is not a regular file of that size.
[[nodiscard]] std::unique_ptr<shared_buffer> open_file(const file_handle& handle);

/// Opens memory of the GPU with the UUID `device` through CUDA IPC. Throws gpu::cuda_error.
[[nodiscard]] std::unique_ptr<shared_buffer> open_cuda_memory(const cuda_handle& handle,
                                                              const std::string& device);

} // namespace ckpt::apps::sink
