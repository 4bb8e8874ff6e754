// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Writes checkpoints with made-up contents: for measurements, for trying out a cluster, and for tests. The
// contents depend only on the tensors' names and a seed, so a receiver can recompute them. Any thread.

#include "apps/synthetic_tensors.hpp"
#include "io/checkpoint/dtype.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::apps {

struct synthetic_options {
  std::filesystem::path directory; ///< made when it is missing; no file in it is ever overwritten
  tensor_options tensors;
  std::uint32_t shards = 0; ///< 0: as many as the named model has, else 4; fewer when there are fewer tensors
  std::uint64_t seed = 1;
  unsigned threads = 2; ///< that fill and write shards

  /// sparse: only the headers are written, the data is a hole in the file: for plans of checkpoints that fit
  /// on no disk.
  enum class contents : std::uint8_t { pseudo_random, sparse } data = contents::pseudo_random;

  /// on_disk: every file has reached the disk when write_checkpoint() returns.
  enum class durability : std::uint8_t { page_cache, on_disk } flush = durability::page_cache;
};

struct synthetic_checkpoint {
  std::vector<std::filesystem::path> files; ///< the shards in order, without the index
  std::uint64_t tensor_count = 0;
  std::uint64_t tensor_bytes = 0;
  std::uint64_t file_bytes = 0; ///< of the shards, headers included
};

/// Writes shards and `model.safetensors.index.json`. Throws std::invalid_argument for options that make no
/// sense and std::system_error naming the file for everything else, having removed what it wrote.
synthetic_checkpoint write_checkpoint(const synthetic_options& options);

/// The key from which the contents of the tensor `name` are computed.
[[nodiscard]] std::uint64_t content_key(std::string_view name, std::uint64_t seed) noexcept;

/// Computes bytes [offset, offset + destination.size()) of the tensor with this key and type. BOOL holds only
/// 0 and 1.
void fill_content(std::uint64_t key, io::dtype type, std::uint64_t offset,
                  std::span<std::byte> destination) noexcept;

} // namespace ckpt::apps
