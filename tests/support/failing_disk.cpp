// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/failing_disk.hpp"

#include "tests/support/program.hpp"

#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>

namespace ckpt::tests {
namespace {

using namespace std::chrono_literals;

/// The way to a file system's tools, which lie where an ordinary user's PATH does not lead.
[[nodiscard]] bool run(const std::filesystem::path& log, const std::string& command) {
  program shell{{"bash", "-c", "PATH=$PATH:/usr/sbin:/sbin; " + command}, log};
  return shell.wait(30s) == 0;
}

} // namespace

failing_disk::failing_disk(std::uint64_t bytes) {
  std::filesystem::create_directory(path());
  std::ofstream{scratch_.path() / "image"};
  std::filesystem::resize_file(scratch_.path() / "image", bytes);
  if (run(scratch_.path() / "log", "mkfs.ext4 -q -F '" + (scratch_.path() / "image").string() + "'"))
    mount("loop");
}

failing_disk::~failing_disk() noexcept { unmount(); }

bool failing_disk::mount(const char* options) {
  is_mounted_ = run(scratch_.path() / "log", std::string{"mount -o "} + options + " '"
                                                 + (scratch_.path() / "image").string() + "' '"
                                                 + path().string() + "'");
  return is_mounted_;
}

void failing_disk::unmount() noexcept {
  if (!is_mounted_)
    return;
  try {
    static_cast<void>(run(scratch_.path() / "log", "umount '" + path().string() + "'"));
  } catch (const std::exception&) {
    // A destructor's: what stays mounted shows up when the directory cannot be removed.
  }
  is_mounted_ = false;
}

void failing_disk::settle() {
  unmount();
  // A process that has taken a namespace of its own since holds the disk for a while.
  if (!eventually([&] { return mount("loop,ro"); }, 30s))
    throw std::runtime_error{"the disk cannot be mounted again: " + read_file(scratch_.path() / "log")};
}

void failing_disk::fail_after(std::uint64_t bytes) {
  std::filesystem::resize_file(scratch_.path() / "image", bytes);
}

} // namespace ckpt::tests
