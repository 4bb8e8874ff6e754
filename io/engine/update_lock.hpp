// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Prevents two updates of one engine at the same time, within one network namespace. The lock is the name of
// an abstract Unix socket: the kernel gives it to one process, and takes it back when that process ends,
// however it ends.

#include "io/fd.hpp"
#include "io/http/endpoint.hpp"

#include <string>
#include <string_view>

namespace ckpt::io {

/// The same text for all ways to write an engine's address, except that host names are not resolved.
[[nodiscard]] std::string engine_key(const http_endpoint& endpoint);

/// The UUID ("GPU-…") for worker `rank` of an engine whose weights stay in host memory. It is the same in
/// every run, so that a new run finds a worker that a killed one left waiting. No two workers share one:
/// engines' addresses are only unique within a network namespace, so the UUID depends on that, too.
[[nodiscard]] std::string host_worker_uuid(std::string_view engine, std::size_t rank);

class update_lock {
public:
  /// Throws std::system_error; address_in_use means that another process is updating the engine behind
  /// `endpoint`.
  explicit update_lock(const http_endpoint& endpoint);

  /// The socket's name.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// The process that holds the name but is not trusted: it is another user's (not root's), or is silent.
  /// The update goes on without the lock. Usually empty.
  [[nodiscard]] const std::string& stranger() const noexcept { return stranger_; }

private:
  fd socket_;
  std::string name_;
  std::string stranger_;
};

} // namespace ckpt::io
