// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The actor system of this process, and its links to those of the other hosts. A process makes one.

#include "apps/node/command_line.hpp"

#include <memory>

#include <caf/fwd.hpp>

namespace ckpt::apps {

class control_network;

class actor_runtime {
public:
  /// `options` outlive it. Throws std::system_error when a thread cannot be started.
  explicit actor_runtime(const node_options& options);
  actor_runtime(const actor_runtime&) = delete;
  actor_runtime& operator=(const actor_runtime&) = delete;

  /// Waits for all actors: for ever, if one of them is stuck.
  ~actor_runtime() noexcept;

  [[nodiscard]] caf::actor_system& system() noexcept;
  [[nodiscard]] control_network& network() noexcept;

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace ckpt::apps
