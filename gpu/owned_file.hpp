// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A file in shared memory that does not outlive its process for long. Its owner holds a lock on it while it
// lives; with remove_stale_files() another process removes those without a lock, whose owners were killed.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace ckpt::gpu {

class owned_file {
public:
  /// A mapped file of `bytes` zero bytes without a name, in `directory`. Every page is reserved, so a full
  /// file system is an error here and not a signal later. Throws std::system_error with `purpose` in it.
  owned_file(std::filesystem::path directory, std::uint64_t bytes, std::string_view purpose);
  owned_file(const owned_file&) = delete;
  owned_file& operator=(const owned_file&) = delete;
  ~owned_file() noexcept;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

  /// Gives it a name. Throws std::system_error.
  void publish(const std::string& name);

  /// Removes the name; whoever has the file open keeps it.
  void hide() noexcept;

  /// Keeps the name when this process ends, for the next one to find.
  void leave_behind() noexcept { path_.clear(); }

  /// Empty without a name.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path directory_;
  std::filesystem::path path_;
  int file_ = -1; ///< kept open: it holds the lock
  std::span<std::byte> bytes_;
};

/// Sixteen random hexadecimal digits, for names that nobody else has.
[[nodiscard]] std::string random_text();

/// Removes the files in `directory` that start with `prefix` and whose owners are gone. Returns how many.
unsigned remove_stale_files(const std::filesystem::path& directory, std::string_view prefix) noexcept;

} // namespace ckpt::gpu
