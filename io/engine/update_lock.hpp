// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Keeps two updates of this network namespace from going to one engine at the same time. The lock is an
// abstract Unix socket's name: the kernel gives it to one process, and takes it back when that process ends,
// however it ends.

#include "io/fd.hpp"
#include "io/http/endpoint.hpp"

#include <string>
#include <string_view>

namespace ckpt::io {

/// One text for one engine, however the user writes its address.
[[nodiscard]] std::string engine_key(const http_endpoint& endpoint);

/// "GPU-…", in the form of a GPU's: the same for the same text.
[[nodiscard]] std::string uuid_of(std::string_view text);

class update_lock {
public:
  /// Throws std::system_error; address_in_use means that another process is updating the engine behind
  /// `endpoint`.
  explicit update_lock(const http_endpoint& endpoint);

  /// The socket's name.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Who holds the lock's name without having a say here: a process of another user, who is not root. Usually
  /// nobody.
  [[nodiscard]] const std::string& stranger() const noexcept { return stranger_; }

private:
  fd socket_;
  std::string name_;
  std::string stranger_;
};

} // namespace ckpt::io
