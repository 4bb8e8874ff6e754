// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Asks the hosts of a metas file what they have. Used by one thread.

#include "actors/cluster/dialer.hpp"
#include "actors/peers/peer_reader.hpp"
#include "apps/node/actor_runtime.hpp"
#include "apps/node/attendant.hpp"
#include "io/plan/metas_file.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <caf/scoped_actor.hpp>

namespace ckpt::apps {

/// The hosts of a metas file, and what is known of them so far.
class roll_call {
public:
  /// `metas` outlives it. After `deadline` nobody is asked any more.
  roll_call(actor_runtime& runtime, const io::metas& metas, actors::meter::clock::time_point deadline);

  /// Asks the hosts that have not answered yet. Returns early when this process is told to end.
  void ask_the_missing(caf::scoped_actor& self, const signal_guard& signals);

  [[nodiscard]] std::vector<actors::known_source>& sources() noexcept { return sources_; }

  /// Without files as long as nobody has answered.
  [[nodiscard]] const actors::weights_table& table() const noexcept { return table_; }
  [[nodiscard]] bool are_all_there() const { return std::ranges::all_of(is_there_, std::identity{}); }

  /// "; node1 at 10.0.0.1:4711: Connection refused", for each host that has not answered.
  [[nodiscard]] std::string describe_missing() const;

private:
  actors::outside_line line_;
  const io::metas& metas_;
  actors::meter::clock::time_point deadline_;
  std::vector<actors::known_source> sources_;
  actors::weights_table table_;
  std::vector<std::string> why_; ///< by host
  std::vector<bool> is_there_;
};

} // namespace ckpt::apps
