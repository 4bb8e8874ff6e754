// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// An owned file descriptor. Move-only; any thread.

#include <utility>

#include <unistd.h>

namespace ckpt::io {

class fd {
public:
  fd() = default;
  explicit fd(int number) noexcept : number_{number} {}
  fd(fd&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  fd& operator=(fd&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~fd() noexcept { reset(); }

  [[nodiscard]] int number() const noexcept { return number_; }
  [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }

  /// Gives up ownership: the caller closes the descriptor.
  [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

  /// Closes the descriptor. Errors of close() are ignored: no descriptor of this project buffers writes.
  void reset() noexcept {
    if (number_ >= 0)
      ::close(std::exchange(number_, -1));
  }

private:
  int number_ = -1;
};

} // namespace ckpt::io
