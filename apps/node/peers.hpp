// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Weights from the memory of other hosts. `share_offer` is the side that has them (--save-metas-file), `join` the one
// that takes them (--load-metas-file); io/plan/metas_file.hpp has the file in between.

#include "actors/cluster/gate.hpp"
#include "actors/peers/peer_source.hpp"
#include "apps/node/actor_runtime.hpp"
#include "apps/node/attendant.hpp"
#include "apps/node/command_line.hpp"
#include "apps/node/prepare.hpp"

#include <memory>
#include <string>

#include <caf/actor.hpp>

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
  void know(std::string secret) { secret_->set(std::move(secret)); }
  [[nodiscard]] std::string secret() const { return secret_->get(); }

private:
  std::shared_ptr<actors::peer_secret> secret_ = std::make_shared<actors::peer_secret>();
  actors::peer_source_actor source_;
  std::unique_ptr<actors::gate> gate_;
  actors::peer_offer described_;
};

/// The content of --save-metas-file after a successful update, on host 0. Throws when a host offers nothing.
[[nodiscard]] io::metas metas_of(const node_options& options, const actors::update_verdict& verdict,
                                 const std::string& secret);

/// Reaches the hosts of `options.peers.sources`, and plans from their tables. Puts their path, sizes and patterns into
/// `options`. Takes about --timeout at most. Errors are in the result.
[[nodiscard]] opened_version join(actor_runtime& runtime, node_options& options, const signal_guard& signals);

} // namespace ckpt::apps
