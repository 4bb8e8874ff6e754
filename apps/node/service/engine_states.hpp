// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the engines of a resident node serve, as far as it is known here. Any thread.

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

  /// The engines that are meant by these names: an endpoint, or HOST@ENDPOINT where several hosts call theirs so. Throws
  /// std::invalid_argument for a name that means none, or several.
  [[nodiscard]] static std::vector<engine_key> find_all(const std::vector<std::string>& names,
                                                        const hosts& known);

  /// Names of the engines meant by `names` (empty: all) that are led by these hosts, but for one.
  [[nodiscard]] static std::vector<std::string> names_without(const engine_key& one,
                                                              const std::vector<std::string>& names,
                                                              const std::vector<std::uint32_t>& led_by,
                                                              const hosts& known);

  /// An update to `version` is over, in which these hosts of the cluster took part.
  void note(const actors::update_verdict& verdict, const std::string& version, const hosts& known,
            const actors::cluster_layout& cluster, const std::vector<std::uint32_t>& took_part);

  /// What these serve is not known any more.
  void forget(const std::vector<engine_key>& these);

  /// Whether these engines, or without any those of all hosts that are there, are known to serve it, as a whole.
  [[nodiscard]] bool is_served(const std::string& version, const hosts& known,
                               const std::vector<engine_key>& these = {}) const;

  [[nodiscard]] boost::json::array describe(const hosts& known) const;

  /// For which engines were paused, in all updates together.
  [[nodiscard]] double paused_seconds() const;

private:
  /// After its last update.
  struct state {
    actors::served_weights serves = actors::served_weights::unknown;
    std::string version; ///< set while it serves one as a whole
    std::string host;    ///< the process there: with another one, nobody knows what happened meanwhile
    std::chrono::system_clock::time_point since;
  };

  /// Null where nothing is known.
  [[nodiscard]] const state* find(const actors::known_host& process, std::uint32_t host,
                                  std::uint32_t engine) const;

  mutable std::mutex mutex_; ///< guards what follows
  double paused_seconds_ = 0;
  std::map<engine_key, state> engines_;
};

} // namespace ckpt::apps
