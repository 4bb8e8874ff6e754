// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/hung_mount.hpp"

#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mount.h>

namespace ckpt::tests {

hung_mount::hung_mount(std::filesystem::path directory)
    : path_{std::move(directory)}, device_{::open("/dev/fuse", O_RDWR | O_CLOEXEC)} {
  std::filesystem::create_directory(path_);
  const auto options =
      "fd=" + std::to_string(device_.number()) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
  is_mounted_ = device_ && ::mount("hung", path_.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
}

hung_mount::~hung_mount() noexcept {
  device_.reset();
  if (is_mounted_)
    ::umount2(path_.c_str(), MNT_DETACH);
}

} // namespace ckpt::tests
