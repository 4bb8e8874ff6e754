// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reads headers and indexes from regular files. Opening never blocks on a pipe that lies where a file should
// be; a short read is an error. Any thread.

#include "io/extent.hpp"
#include "io/fd.hpp"

#include <filesystem>
#include <string_view>

#include <sys/stat.h>

namespace ckpt::io {

struct regular_file {
  fd descriptor; ///< for reading
  struct stat status {};
};

/// Opens the file behind `path`, following links. Throws std::system_error, or checkpoint_error when it is a
/// directory, pipe or device.
[[nodiscard]] regular_file open_regular(const std::filesystem::path& path);

/// The same for `name` in the open `directory`; messages call it `path`.
[[nodiscard]] regular_file open_regular(int directory, const std::filesystem::path& name,
                                        const std::filesystem::path& path);

/// Reads all of `bytes` to `destination`. Throws std::system_error, or checkpoint_error when the file
/// `file_name` has become shorter meanwhile.
void read_exactly(int file, extent bytes, char* destination, std::string_view file_name);

} // namespace ckpt::io
