// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/engine_states.hpp"

#include <algorithm>
#include <stdexcept>

namespace ckpt::apps {

namespace json = boost::json;

void engine_states::note(const actors::update_verdict& verdict, const named_content& version,
                         const hosts& known, const actors::cluster_layout& cluster,
                         const std::vector<std::uint32_t>& took_part) {
  const auto layout = actors::among(cluster, took_part);
  const std::lock_guard lock{mutex_};
  for (std::uint32_t index = 0; index < verdict.engines.size(); ++index) {
    const auto& engine = verdict.engines[index];
    if (engine.serves == actors::served_weights::unchanged)
      continue;
    const bool is_whole = engine.serves == actors::served_weights::updated;
    const auto leader = layout.leader_of_engine(index);
    const auto host = took_part.at(leader);
    engines_[{host, index - layout.engines_led_by(leader).begin}] = {
        engine.serves, is_whole ? version.version : std::string{}, version.number, known.at(host).name,
        std::chrono::system_clock::now()};
  }
}

const engine_states::state* engine_states::find(const actors::known_host& process, std::uint32_t host,
                                                std::uint32_t engine) const {
  const auto found = engines_.find({host, engine});
  return found != engines_.end() && found->second.host == process.name ? &found->second : nullptr;
}

void engine_states::forget(const std::vector<engine_key>& these) {
  const std::lock_guard lock{mutex_};
  for (const auto& one : these)
    engines_.erase(one);
}

bool engine_states::is_served(const named_content& version, const hosts& known,
                              const std::vector<engine_key>& these) const {
  const std::lock_guard lock{mutex_};
  const auto serves = [&](std::uint32_t host, std::uint32_t number) {
    const auto* served = find(known[host], host, number);
    return served != nullptr && served->version == version.version && served->content == version.number;
  };
  if (version.version.empty())
    return false;
  if (!these.empty())
    return std::ranges::all_of(these, [&](const engine_key& one) { return serves(one.first, one.second); });
  for (std::uint32_t host = 0; host < known.size(); ++host)
    for (std::uint32_t number = 0; known[host].is_here && number < known[host].endpoints.size(); ++number)
      if (!serves(host, number))
        return false;
  return true;
}

bool engine_states::is_whole(const engine_key& one, const hosts& known) const {
  const std::lock_guard lock{mutex_};
  const auto* served = find(known.at(one.first), one.first, one.second);
  return served != nullptr && !served->version.empty();
}

std::vector<engine_states::engine_key> engine_states::find_all(const std::vector<std::string>& names,
                                                               const hosts& known) {
  std::vector<engine_key> found;
  for (const auto& name : names) {
    const auto before = found.size();
    for (std::uint32_t host = 0; host < known.size(); ++host)
      for (std::uint32_t number = 0; number < known[host].endpoints.size(); ++number)
        if (const auto& endpoint = known[host].endpoints[number];
            name == endpoint || name == std::to_string(host) + "@" + endpoint)
          found.emplace_back(host, number);
    if (found.size() == before)
      throw std::invalid_argument{"no engine is known as " + name};
    if (found.size() > before + 1)
      throw std::invalid_argument{"several hosts have an engine " + name + ": call it HOST@" + name};
  }
  return found;
}

std::vector<std::string> engine_states::names_without(const engine_key& one,
                                                      const std::vector<std::string>& names,
                                                      const std::vector<std::uint32_t>& led_by,
                                                      const hosts& known) {
  const auto meant = find_all(names, known);
  std::vector<std::string> others;
  for (const auto host : led_by)
    for (std::uint32_t number = 0; number < known.at(host).endpoints.size(); ++number)
      if (const engine_key key{host, number};
          key != one && (meant.empty() || std::ranges::find(meant, key) != meant.end()))
        others.push_back(std::to_string(host) + "@" + known[host].endpoints[number]);
  return others;
}

json::array engine_states::describe(const hosts& known) const {
  const std::lock_guard lock{mutex_};
  json::array all;
  for (std::uint32_t host = 0; host < known.size(); ++host)
    for (std::uint32_t engine = 0; engine < known[host].endpoints.size(); ++engine) {
      json::object line{{"endpoint", known[host].endpoints[engine]},
                        {"host", host},
                        {"reachable", known[host].is_here},
                        {"serves", "unknown"},
                        {"version", nullptr},
                        {"since", nullptr}};
      if (const auto* served = find(known[host], host, engine)) {
        line["serves"] = actors::name(served->serves);
        line["version"] = served->version.empty() ? json::value(nullptr) : json::value(served->version);
        line["since"] = std::chrono::duration<double>{served->since.time_since_epoch()}.count();
      }
      all.push_back(std::move(line));
    }
  return all;
}

} // namespace ckpt::apps
