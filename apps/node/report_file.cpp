// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/report_file.hpp"

#include "io/error.hpp"
#include "io/fd.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace ckpt::apps {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(std::string_view flag, const fs::path& path, const std::string& why) {
  throw std::invalid_argument{std::string{flag} + " " + path.string() + ": " + why};
}

/// True for the path of an open descriptor. A file behind it is somebody else's: never replace it.
[[nodiscard]] bool is_an_open_descriptor(const fs::path& path) {
  const auto text = path.lexically_normal().string();
  return text.starts_with("/proc/") || text.starts_with("/dev/fd/") || text.starts_with("/dev/std");
}

/// A random name beside `path`. A process id would not do: containers reuse the same ids.
[[nodiscard]] fs::path beside(const fs::path& path) {
  std::random_device random;
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), ".%08x%08x.tmp", random(), random());
  return path.string() + text.data();
}

/// Follows links, also to a file that is not there yet, but not through an open descriptor.
[[nodiscard]] fs::path behind_links(fs::path path) {
  constexpr int links_max = 40;
  std::error_code none;
  for (int link = 0; link < links_max && fs::is_symlink(path, none) && !is_an_open_descriptor(path); ++link)
    path = path.parent_path() / fs::read_symlink(path, none);
  return path;
}

/// Gives the reader of a full pipe ten seconds.
void wait_for_reader(int file, const fs::path& path) {
  constexpr int patience_ms = 10'000;
  pollfd pipe{file, POLLOUT, 0};
  if (::poll(&pipe, 1, patience_ms) == 0)
    throw io::system_failure(ETIMEDOUT, "write", path.native());
}

void write_all(int file, std::string_view text, const fs::path& path) {
  while (!text.empty()) {
    const auto written = ::write(file, text.data(), text.size());
    if (written > 0)
      text.remove_prefix(static_cast<std::size_t>(written));
    else if (errno == EAGAIN)
      wait_for_reader(file, path);
    else if (errno != EINTR)
      throw io::system_failure(errno, "write", path.native());
  }
}

/// Writes a new file and renames it: a reader sees a whole report or none.
void replace(const fs::path& path, std::string_view text, mode_t mode) {
  const auto other = beside(path);
  try {
    const io::fd file{::open(other.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
    if (!file)
      throw io::system_failure(errno, "create", other.native());
    write_all(file.number(), text, other);
    if (::fsync(file.number()) != 0 && errno != EINVAL) // A full network disk shows only here.
      throw io::system_failure(errno, "write", other.native());
    if (::rename(other.c_str(), path.c_str()) != 0)
      throw io::system_failure(errno, "rename to", path.native());
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::file_exists)
      ::unlink(other.c_str());
    throw;
  }
}

} // namespace

report_file::report_file(fs::path path, std::string_view flag, mode_t mode)
    : path_{behind_links(path)}, flag_{flag}, mode_{mode} {
  std::error_code error;
  const auto status = fs::status(path_, error);
  if (fs::is_directory(status) || fs::is_socket(status))
    refuse(flag, path, "is a directory or a socket");
  is_replaced_ = (fs::is_regular_file(status) || status.type() == fs::file_type::not_found)
                 && !is_an_open_descriptor(path_);
  if (!is_replaced_) {
    if (::access(path_.c_str(), W_OK) != 0)
      refuse(flag, path, "cannot be written: " + std::generic_category().message(errno));
    return;
  }
  const auto other = beside(path_);
  const io::fd trial{::open(other.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
  if (!trial)
    refuse(flag, path, "cannot be written: " + std::generic_category().message(errno));
  ::unlink(other.c_str());
}

bool report_file::replaces(const fs::path& file) const noexcept {
  std::error_code none;
  return is_replaced_ && fs::equivalent(path_, file, none);
}

void report_file::write(std::string_view text) const {
  if (is_replaced_) {
    replace(path_, text, mode_);
    return;
  }
  // A pipe that nobody reads from must not stop the end of an update.
  const io::fd file{::open(path_.c_str(), O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC)};
  if (!file)
    throw io::system_failure(errno, "open", path_.native());
  write_all(file.number(), text, path_);
}

void report_file::remove() const {
  if (is_replaced_ && ::unlink(path_.c_str()) != 0 && errno != ENOENT)
    throw io::system_failure(errno, "remove", path_.native());
}

} // namespace ckpt::apps
