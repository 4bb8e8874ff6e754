// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/introductions.hpp"

#include "io/error.hpp"

#include <algorithm>
#include <vector>

namespace ckpt::actors {
namespace {

/// More than these are counted, not named.
constexpr std::size_t missing_named_max = 8;

[[nodiscard]] std::string value_of(const join_request& host, const std::string& setting) {
  const auto found = std::ranges::find(host.settings, setting, &std::pair<std::string, std::string>::first);
  return found == host.settings.end() ? std::string{} : found->second;
}

[[nodiscard]] std::string with_setting(const std::string& flag, const std::string& value) {
  return value.empty() ? "without " + flag : "with " + flag + " " + io::printable(value);
}

[[nodiscard]] bool
share_a_connection(const cluster_layout& layout,
                   const std::function<const join_request&(std::uint32_t)>& introduction_of) {
  const auto& connection = introduction_of(0).connection;
  for (std::uint32_t host = 1; host < layout.hosts; ++host)
    if (introduction_of(host).connection != connection)
      return false;
  return !connection.empty();
}

} // namespace

std::string describe_missing(std::size_t hosts, const std::function<bool(std::uint32_t)>& is_here) {
  std::vector<std::uint32_t> missing;
  for (std::uint32_t host = 0; host < hosts; ++host)
    if (!is_here(host))
      missing.push_back(host);
  if (missing.empty())
    return {};
  std::string text = missing.size() == 1 ? "host " : "hosts ";
  for (std::size_t index = 0; index < std::min(missing.size(), missing_named_max); ++index)
    text += (index == 0 ? "" : ", ") + std::to_string(missing[index]);
  if (missing.size() > missing_named_max)
    text += " and " + std::to_string(missing.size() - missing_named_max) + " more";
  return text;
}

std::string describe_misfit(const join_request& first, const join_request& other,
                            const cluster_layout& layout) {
  const auto who = host_label(other.host, other.name);
  for (const auto& [flag, value] : first.settings)
    if (value_of(other, flag) != value)
      return who + " was started " + with_setting(flag, value_of(other, flag)) + ", host 0 "
             + with_setting(flag, value);
  if (other.device_uuids.size() != first.device_uuids.size())
    return who + " has " + std::to_string(other.device_uuids.size()) + " device(s), host 0 has "
           + std::to_string(first.device_uuids.size());
  if (const auto led = layout.engines_led_by(other.host).size(); other.endpoints.size() != led)
    return who + " gives " + std::to_string(other.endpoints.size()) + " --endpoint for " + std::to_string(led)
           + " engine(s)";
  return {};
}

start_update make_start(std::uint32_t host, const cluster_layout& layout, const std::string& secret,
                        const std::function<const join_request&(std::uint32_t)>& introduction_of) {
  start_update start;
  start.previous_data_address = introduction_of((host + layout.hosts - 1) % layout.hosts).data_address;
  start.next_data_address = introduction_of((host + 1) % layout.hosts).data_address;
  start.first_data_address = introduction_of(0).data_address;
  start.stays_connected = share_a_connection(layout, introduction_of);
  start.secret = secret;
  const auto led = layout.engines_led_by(host);
  for (auto rank = led.begin * layout.devices_per_engine; rank < led.end * layout.devices_per_engine; ++rank)
    start.engine_uuids.push_back(
        introduction_of(layout.host_of_rank(rank)).device_uuids.at(rank % layout.devices_per_host));
  const auto here = layout.engines_on_host(host);
  for (auto engine = here.begin; engine < here.end; ++engine) {
    const auto leader = layout.leader_of_engine(engine);
    start.engine_endpoints.push_back(
        introduction_of(leader).endpoints.at(engine - layout.engines_led_by(leader).begin));
  }
  for (std::uint32_t each = 0; each < layout.hosts; ++each) {
    for (const auto engine : introduction_of(each).spared)
      if (layout.engines_led_by(each).contains(engine))
        start.spared.push_back(engine);
  }
  return start;
}

} // namespace ckpt::actors
