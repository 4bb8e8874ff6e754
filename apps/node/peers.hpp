// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Weights in the memory of this host, for hosts that join (--save-metas-file). joining.hpp is the side that
// takes them; io/plan/metas_file.hpp has the file in between.

#include "actors/cluster/gate.hpp"
#include "actors/update/update.hpp"
#include "apps/node/actor_runtime.hpp"
#include "apps/node/command_line.hpp"

#include <memory>
#include <string>

#include <caf/actor.hpp>

namespace ckpt::actors {
class peer_secret;
}

namespace ckpt::gpu {
struct fabric_options;
}

namespace ckpt::apps {

/// Offers this host's share of a version while it lives.
class share_offer {
public:
  /// `version` has its `resident`. Listens, but gives nobody anything before know() is called. Throws
  /// std::runtime_error when it cannot listen.
  share_offer(actor_runtime& runtime, const node_options& options, const actors::version_ptr& version);
  share_offer(const share_offer&) = delete;
  share_offer& operator=(const share_offer&) = delete;
  ~share_offer() noexcept;

  /// The address and the digests of the share, for the metas file.
  [[nodiscard]] const actors::peer_offer& described() const noexcept { return described_; }

  /// From now on, a host that knows `secret` gets weights. Any thread.
  void know(std::string secret);
  [[nodiscard]] std::string secret() const;

private:
  std::shared_ptr<actors::peer_secret> secret_;
  caf::actor source_;
  std::unique_ptr<actors::gate> gate_;
  actors::peer_offer described_;
};

/// How UCX reaches other hosts; only this one if `is_local`.
[[nodiscard]] gpu::fabric_options network_for(bool is_local);

/// The content of --save-metas-file after a successful update, on host 0. Throws when a host offers nothing.
[[nodiscard]] io::metas metas_of(const node_options& options, const actors::update_verdict& verdict,
                                 const std::string& secret);

} // namespace ckpt::apps
