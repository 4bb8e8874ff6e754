// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A directory of one test's own, removed with all that is in it when the test ends, however it ends.

#include "io/error.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <string_view>
#include <system_error>

#include <stdlib.h>

namespace ckpt::tests {

class temporary_directory {
public:
  /// Below `parent`, for instance /dev/shm where the test wants memory.
  explicit temporary_directory(const std::filesystem::path& parent = std::filesystem::temp_directory_path()) {
    auto name = (parent / "ckpt-test-XXXXXX").native();
    if (::mkdtemp(name.data()) == nullptr)
      throw io::system_failure(errno, "mkdtemp", name);
    path_ = name;
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory() noexcept {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  /// Writes a file and returns its path.
  std::filesystem::path write(std::string_view name, std::string_view contents) const {
    auto file = path_ / name;
    std::ofstream out{file, std::ios::binary};
    out.write(contents.data(), static_cast<std::streamsize>(contents.size()));
    out.close();
    if (!out)
      throw io::system_failure(errno, "write", file.native());
    return file;
  }

private:
  std::filesystem::path path_;
};

} // namespace ckpt::tests
