// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Which engines of a resident node serve a version, and which will: see service.hpp.

#include "apps/node/service/service.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

namespace ckpt::apps {
namespace {

/// All names of this host are one.
[[nodiscard]] std::string place_of(const io::http_endpoint& endpoint) {
  const bool is_here = endpoint.host == "localhost" || endpoint.host == "127.0.0.1" || endpoint.host == "::1";
  return (is_here ? "localhost" : endpoint.host) + ":" + endpoint.port;
}

} // namespace

bool service::is_served(const std::string& version, const std::vector<std::string>& engines) const {
  const auto known = known_hosts();
  if (!engines.empty())
    return engines_.is_served(content_of(version), known, engine_states::find_all(engines, known));
  const auto reached = actors::hosts_of_whole_engines(
      options_.layout, [&](std::uint32_t host) { return known[host].is_here; });
  return do_all_serve(version, reached);
}

std::vector<std::string> service::engines_of_ranks(const std::vector<std::uint32_t>& ranks) const {
  const auto& layout = options_.layout;
  const std::set<std::uint32_t> asked{ranks.begin(), ranks.end()};
  if (!asked.empty() && *asked.rbegin() >= layout.rank_count())
    throw std::invalid_argument{"there is no rank " + std::to_string(*asked.rbegin()) + ": there are "
                                + std::to_string(layout.rank_count())};
  if (asked.size() == layout.rank_count())
    return {};
  const auto known = known_hosts();
  std::vector<std::string> names;
  for (std::uint32_t engine = 0; engine < layout.engine_count(); ++engine) {
    const auto here = layout.ranks_of_engine(engine);
    std::uint32_t count = 0;
    for (auto rank = here.begin; rank < here.end; ++rank)
      count += asked.contains(rank) ? 1 : 0;
    if (count == 0)
      continue;
    if (count < here.size())
      throw std::invalid_argument{"an engine has ranks " + std::to_string(here.begin) + " to "
                                  + std::to_string(here.end - 1) + ": name all of them, or none"};
    const auto leader = layout.leader_of_engine(engine);
    const auto number = engine - layout.engines_led_by(leader).begin;
    if (number >= known.at(leader).endpoints.size())
      throw std::invalid_argument{"host " + std::to_string(leader) + ", which leads the engine of rank "
                                  + std::to_string(here.begin) + ", has not been here yet"};
    names.push_back(std::to_string(leader) + "@" + known[leader].endpoints[number]);
  }
  return names;
}

bool service::has_engine_at(const std::string& url) const {
  const auto asked = place_of(io::parse_endpoint(url, {}));
  return std::ranges::any_of(known_hosts(), [&](const actors::known_host& host) {
    return std::ranges::any_of(host.endpoints, [&](const std::string& endpoint) {
      return place_of(io::parse_endpoint(endpoint, {})) == asked;
    });
  });
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
