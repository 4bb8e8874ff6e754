// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Which engines of a resident node serve a version, and which will: see service.hpp.

#include "apps/node/service/service.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace ckpt::apps {

bool service::is_served(const std::string& version, const std::vector<std::string>& engines) const {
  const auto known = known_hosts();
  if (!engines.empty())
    return engines_.is_served(content_of(version), known, engine_states::find_all(engines, known));
  const auto reached = actors::hosts_of_whole_engines(
      options_.layout, [&](std::uint32_t host) { return known[host].is_here; });
  return do_all_serve(version, reached);
}

/// What the name means now: an engine that was given it before it was dropped serves something else.
engine_states::named_content service::content_of(const std::string& version) const {
  return {version, host_.versions().content_number(version)};
}

/// All engines of these hosts. After an update only the hosts that took part count: others may have joined.
bool service::do_all_serve(const std::string& version, const std::vector<std::uint32_t>& hosts) const {
  auto known = known_hosts();
  for (std::uint32_t host = 0; host < known.size(); ++host)
    known[host].is_here = std::ranges::binary_search(hosts, host);
  return engines_.is_served(content_of(version), known);
}

/// Where the others serve the version already, an update of some engines makes it that of all. Not where all
/// are to serve it anyhow, and an engine gets it again: hosts that join go on with the offer that there is.
service::reach service::reach_of(const update_request& asked, const std::vector<std::uint32_t>& hosts) const {
  if (asked.engines.empty())
    return reach::all;
  const auto known = known_hosts();
  const auto named = engine_states::find_all(asked.engines, known);
  std::vector<engine_states::engine_key> others;
  for (const auto host : hosts)
    for (std::uint32_t number = 0; number < known[host].endpoints.size(); ++number)
      if (std::ranges::find(named, std::pair{host, number}) == named.end())
        others.emplace_back(host, number);
  const bool do_others_serve = others.empty() || engines_.is_served(content_of(asked.version), known, others);
  return do_others_serve && asked.version != host_.versions().served() ? reach::all : reach::those_named;
}

} // namespace ckpt::apps
