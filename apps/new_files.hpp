// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Files that are created all together or not at all, and that never replace others. Throws std::system_error
// naming the file.

#include "io/error.hpp"
#include "io/fd.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace ckpt::apps {

/// A file that did not exist before, filled from front to end.
class new_file {
public:
  /// Throws std::system_error, also when the file exists.
  explicit new_file(const std::filesystem::path& path)
      : path_{path}, file_{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)} {
    if (!file_)
      throw io::system_failure(errno, "create", path.native());
  }

  void write(std::span<const std::byte> data) {
    while (!data.empty()) {
      const auto count = ::write(file_.number(), data.data(), data.size());
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0)
        throw io::system_failure(errno, "write", path_.native());
      data = data.subspan(static_cast<std::size_t>(count));
    }
  }

  void write(std::string_view text) { write(std::as_bytes(std::span{text})); }

  void extend(std::uint64_t bytes) {
    if (::ftruncate(file_.number(), static_cast<off_t>(bytes)) != 0)
      throw io::system_failure(errno, "ftruncate", path_.native());
  }

  void flush() {
    if (::fsync(file_.number()) != 0)
      throw io::system_failure(errno, "fsync", path_.native());
  }

private:
  std::filesystem::path path_;
  io::fd file_;
};

/// The new files of one directory, which is made when it is missing. All are removed again unless keep() is
/// called. Several threads may create files.
class new_files {
public:
  explicit new_files(const std::filesystem::path& directory) : directory_{directory} {
    is_new_ = std::filesystem::create_directories(directory);
  }
  new_files(const new_files&) = delete;
  new_files& operator=(const new_files&) = delete;
  ~new_files() noexcept {
    if (complete_)
      return;
    std::error_code ignored; // the failure that led here is the one to report
    for (const auto& path : paths_)
      std::filesystem::remove(path, ignored);
    if (is_new_)
      std::filesystem::remove(directory_, ignored);
  }

  new_file create(const std::string& name) {
    auto path = directory_ / name;
    new_file file{path};
    const std::lock_guard lock{mutex_};
    paths_.push_back(std::move(path));
    return file;
  }

  /// A directory's entries are on disk only once the directory itself is.
  void flush_directory() const {
    const io::fd directory{::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!directory || ::fsync(directory.number()) != 0)
      throw io::system_failure(errno, "fsync", directory_.native());
  }

  void keep() noexcept { complete_ = true; }

private:
  std::filesystem::path directory_;
  std::mutex mutex_; // guards paths_
  std::vector<std::filesystem::path> paths_;
  bool is_new_ = false;
  bool complete_ = false;
};

} // namespace ckpt::apps
