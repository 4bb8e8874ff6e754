// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The system calls behind regular_file.hpp.

#include "io/checkpoint/regular_file.hpp"

#include "io/error.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace ckpt::io {

regular_file open_regular(const std::filesystem::path& path) { return open_regular(AT_FDCWD, path, path); }

regular_file open_regular(int directory, const std::filesystem::path& name,
                          const std::filesystem::path& path) {
  regular_file file{fd{::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)}, {}};
  if (!file.descriptor)
    throw system_failure(errno, "open", path.native());
  if (::fstat(file.descriptor.number(), &file.status) != 0)
    throw system_failure(errno, "fstat", path.native());
  if (!S_ISREG(file.status.st_mode))
    throw checkpoint_error{path.native(), "is not a regular file"};
  return file;
}

void read_exactly(int file, extent bytes, char* destination, std::string_view file_name) {
  while (bytes.length > 0) {
    const auto count = ::pread(file, destination, bytes.length, static_cast<off_t>(bytes.offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      throw system_failure(errno, "read", file_name);
    if (count == 0)
      throw checkpoint_error{file_name, "became shorter while it was read"};
    destination += count;
    bytes = {bytes.offset + static_cast<std::uint64_t>(count),
             bytes.length - static_cast<std::uint64_t>(count)};
  }
}

} // namespace ckpt::io
