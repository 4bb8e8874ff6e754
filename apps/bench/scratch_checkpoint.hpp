// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A synthetic checkpoint that measurements write themselves. It lies in a directory of its own below the
// given one, and is removed with the object. One thread uses an object.

#include <cstdint>
#include <filesystem>

namespace ckpt::apps::bench {

class scratch_checkpoint {
public:
  /// Throws std::system_error when no directory can be made below `parent`.
  explicit scratch_checkpoint(const std::filesystem::path& parent);
  scratch_checkpoint(const scratch_checkpoint&) = delete;
  scratch_checkpoint& operator=(const scratch_checkpoint&) = delete;
  ~scratch_checkpoint() noexcept;

  [[nodiscard]] std::filesystem::path path() const { return directory_ / "checkpoint"; }
  [[nodiscard]] bool exists() const { return std::filesystem::exists(path()); }

  /// Replaces it by one of random tensors, without flushing it to disk.
  void write_random(std::uint64_t bytes);

  /// Replaces it by one with headers only: the data are holes in the files.
  void write_headers(std::uint64_t tensors, std::uint32_t shards);

private:
  std::filesystem::path directory_;
};

} // namespace ckpt::apps::bench
