// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/engine_states.hpp"

namespace ckpt::apps {

namespace json = boost::json;

void engine_states::note(const actors::update_verdict& verdict, const std::string& version,
                         const hosts& known, const actors::cluster_layout& cluster,
                         const std::vector<std::uint32_t>& took_part) {
  const auto layout = actors::among(cluster, took_part);
  const std::lock_guard lock{mutex_};
  for (std::uint32_t index = 0; index < verdict.engines.size(); ++index) {
    const auto& engine = verdict.engines[index];
    paused_seconds_ += engine.account.pause_seconds;
    if (engine.serves == actors::served_weights::unchanged)
      continue;
    const bool is_whole = engine.serves == actors::served_weights::updated;
    const auto leader = layout.leader_of_engine(index);
    const auto host = took_part.at(leader);
    engines_[{host, index - layout.engines_led_by(leader).begin}] = {
        engine.serves, is_whole ? version : std::string{}, known.at(host).name,
        std::chrono::system_clock::now()};
  }
}

const engine_states::state* engine_states::find(const actors::known_host& process, std::uint32_t host,
                                                std::uint32_t engine) const {
  const auto found = engines_.find({host, engine});
  return found != engines_.end() && found->second.host == process.name ? &found->second : nullptr;
}

bool engine_states::is_served(const std::string& version, const hosts& known) const {
  const std::lock_guard lock{mutex_};
  if (version.empty())
    return false;
  for (std::uint32_t host = 0; host < known.size(); ++host)
    for (std::uint32_t engine = 0; known[host].is_here && engine < known[host].endpoints.size(); ++engine)
      if (const auto* served = find(known[host], host, engine);
          served == nullptr || served->version != version)
        return false;
  return true;
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

double engine_states::paused_seconds() const {
  const std::lock_guard lock{mutex_};
  return paused_seconds_;
}

} // namespace ckpt::apps
