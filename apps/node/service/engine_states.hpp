// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Keeps what each engine of a resident node serves, as far as this node knows. Any thread.

#include "actors/cluster/roster.hpp"
#include "actors/cluster_layout.hpp"
#include "actors/update/verdict.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <boost/json.hpp>

namespace ckpt::apps {

class engine_states {
public:
  using hosts = std::vector<actors::known_host>;              ///< by number
  using engine_key = std::pair<std::uint32_t, std::uint32_t>; ///< leading host, and number there

  /// A version's name may mean other content later.
  struct named_content {
    std::string version;
    std::uint64_t number = 0; ///< of version_shelf::content_number()
  };

  /// The engines with these names: ENDPOINT, or HOST@ENDPOINT where engines of several hosts have the same endpoint.
  /// Throws std::invalid_argument for a name that fits no engine, or several.
  [[nodiscard]] static std::vector<engine_key> find_all(const std::vector<std::string>& names,
                                                        const hosts& known);

  /// Names of the engines in `names` (empty: all) that these hosts lead, without `one`.
  [[nodiscard]] static std::vector<std::string> names_without(const engine_key& one,
                                                              const std::vector<std::string>& names,
                                                              const std::vector<std::uint32_t>& led_by,
                                                              const hosts& known);

  /// Records the verdict of an update to `version`, in which these hosts of the cluster took part.
  void note(const actors::update_verdict& verdict, const named_content& version, const hosts& known,
            const actors::cluster_layout& cluster, const std::vector<std::uint32_t>& took_part);

  /// From now on nobody knows what these engines serve.
  void forget(const std::vector<engine_key>& these);

  /// True when these engines are known to serve all of `version`. None given: all engines of the hosts that are there.
  [[nodiscard]] bool is_served(const named_content& version, const hosts& known,
                               const std::vector<engine_key>& these = {}) const;

  /// Whether it is known to serve some version, as a whole.
  [[nodiscard]] bool is_whole(const engine_key& one, const hosts& known) const;

  [[nodiscard]] boost::json::array describe(const hosts& known) const;

private:
  /// An engine after its last update.
  struct state {
    actors::served_weights serves = actors::served_weights::unknown;
    std::string version;       ///< set while it serves one as a whole
    std::uint64_t content = 0; ///< the number of what that name meant
    std::string host;          ///< the process there; under another one the engine counts as unknown
    std::chrono::system_clock::time_point since;
  };

  /// Null where nothing is known.
  [[nodiscard]] const state* find(const actors::known_host& process, std::uint32_t host,
                                  std::uint32_t engine) const;

  mutable std::mutex mutex_; ///< guards what follows
  std::map<engine_key, state> engines_;
};

} // namespace ckpt::apps
