// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/verdict.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace ckpt::actors {
namespace {

/// The shares of one engine that are known.
[[nodiscard]] std::vector<const engine_share*> shares_of(std::uint32_t engine,
                                                         const std::vector<host_verdict>& hosts) {
  std::vector<const engine_share*> shares;
  for (const auto& host : hosts)
    for (const auto& share : host.engines)
      if (share.engine == engine)
        shares.push_back(&share);
  return shares;
}

/// Judges what the engine serves by what its workers were sent and answered, and by the version it reports.
[[nodiscard]] served_weights serves(const std::vector<const engine_share*>& shares, std::size_t shares_due,
                                    const engine_account& account,
                                    const std::optional<std::string>& weight_version) {
  const bool complete = shares.size() == shares_due;
  const bool finished = complete && std::ranges::all_of(shares, &engine_share::finished);
  // The reported version is evidence only if it was another one before.
  if (weight_version && account.version_before != *weight_version && !account.version_after.empty()) {
    if (account.version_after == *weight_version)
      return served_weights::updated;
    if (finished)
      return served_weights::unknown;
  }
  if (finished)
    return std::ranges::any_of(shares, &engine_share::answered) ? served_weights::updated
                                                                : served_weights::unknown;
  if (std::ranges::any_of(shares, &engine_share::listed))
    return served_weights::mixed;
  return complete && !account.has_no_weights ? served_weights::unchanged : served_weights::unknown;
}

[[nodiscard]] std::string last_line(std::string_view text) {
  const auto end = text.find_last_not_of('\n');
  if (end == std::string_view::npos)
    return {};
  const auto line = text.substr(0, end + 1);
  return std::string{line.substr(line.find_last_of('\n') + 1)};
}

[[nodiscard]] std::string why_failed(std::uint32_t engine, const cause& first_cause,
                                     const engine_account& account) {
  const bool is_another_engines_fault =
      first_cause.engine >= 0 && first_cause.engine != static_cast<int>(engine);
  std::string why = is_another_engines_fault ? "given up because " + headline(first_cause) : first_cause.what;
  // Servers repeat what their workers were told, or what these said: once is enough. Where a worker closed
  // without a word, its server knows why, and repeats the rest as well.
  const auto said = std::string_view{account.said};
  const bool knows_more = first_cause.engine == static_cast<int>(engine)
                          && first_cause.code == ec::engine_failed && first_cause.detail.empty();
  const bool is_echo =
      (!knows_more && said.find(abort_words) != std::string_view::npos)
      || (!first_cause.detail.empty() && said.find(last_line(first_cause.detail)) != std::string_view::npos);
  if (!said.empty() && !is_echo && why.find(said) == std::string::npos)
    why += "\nthe server said: " + account.said;
  if (account.is_unanswered)
    why +=
        "\nits server has not answered the update request: the engine may hang, now or when it comes to it. "
        "Update it again, which frees it, or restart it";
  return why;
}

/// No failure was reported, and yet the engine is not through.
constexpr auto unexplained = "it has not come to the end of the update, and nobody says why";

[[nodiscard]] engine_verdict judge_engine(std::uint32_t engine, const cause& first_cause,
                                          const std::vector<host_verdict>& hosts,
                                          const cluster_layout& layout,
                                          const std::optional<std::string>& weight_version) {
  engine_verdict verdict;
  const auto shares = shares_of(engine, hosts);
  // A host other than host 0 knows only its own share, and judges by that.
  const auto shares_due = layout.host == 0 ? layout.hosts_of_engine(engine).size() : 1;
  verdict.version = weight_version;
  verdict.bytes = shares.empty() ? 0 : ~std::uint64_t{0};
  const auto leader =
      std::ranges::find_if(shares, [](const auto* share) { return !share->endpoint.empty(); });
  verdict.endpoint = leader != shares.end() ? (*leader)->endpoint
                                            : std::to_string(engine) + " (led by host "
                                                  + std::to_string(layout.leader_of_engine(engine)) + ")";
  if (leader != shares.end())
    verdict.account = (*leader)->account;
  verdict.is_spared = !shares.empty() && std::ranges::all_of(shares, &engine_share::is_spared);
  if (verdict.is_spared) {
    verdict.bytes = 0;
    verdict.version.reset();
    return verdict;
  }
  verdict.serves = serves(shares, shares_due, verdict.account, weight_version);
  if (first_cause.engine == static_cast<int>(engine))
    verdict.detail = first_cause.detail;
  for (const auto* share : shares) {
    verdict.bytes = std::min(verdict.bytes, share->bytes);
    verdict.seconds = std::max(verdict.seconds, share->seconds);
  }
  const bool is_closed = leader != shares.end() && (*leader)->closed;
  if (first_cause.code == ec::none && !(is_closed && verdict.serves == served_weights::updated))
    verdict.why = unexplained;
  else if (!is_closed)
    verdict.why = why_failed(engine, first_cause, verdict.account);
  else
    verdict.why = verdict.account.proof.failed;
  if (verdict.account.proof.differs)
    verdict.serves = served_weights::unknown;
  return verdict;
}

} // namespace

const char* name(served_weights state) noexcept {
  switch (state) {
  case served_weights::unchanged:
    return "unchanged";
  case served_weights::mixed:
    return "mixed";
  case served_weights::updated:
    return "updated";
  case served_weights::unknown:
    return "unknown";
  }
  return "unknown";
}

std::vector<stage_report> merge_stages(const std::vector<host_verdict>& hosts) {
  std::vector<stage_report> merged;
  for (const auto& host : hosts)
    for (const auto& stage : host.stages) {
      auto known = std::ranges::find(merged, stage.stage, &stage_report::stage);
      if (known == merged.end())
        known = merged.insert(known, {stage.stage, 0, 0});
      known->bytes += stage.bytes;
      known->busy_seconds = std::max(known->busy_seconds, stage.busy_seconds);
    }
  return merged;
}

host_verdict untouched(const cause& why, const cluster_layout& layout,
                       const std::vector<std::string>& endpoints) {
  host_verdict verdict;
  verdict.host = layout.host;
  verdict.first_cause = why;
  const auto here = layout.engines_on_host(layout.host);
  const auto led = layout.engines_led_by(layout.host);
  for (auto engine = here.begin; engine < here.end; ++engine) {
    engine_share share;
    share.engine = engine;
    if (led.contains(engine))
      share.endpoint = endpoints.at(engine - led.begin);
    verdict.engines.push_back(std::move(share));
  }
  return verdict;
}

update_verdict conclude(const cause& first_cause, std::vector<host_verdict> hosts,
                        const cluster_layout& layout, const std::optional<std::string>& weight_version) {
  update_verdict verdict;
  verdict.first_cause = first_cause;
  for (std::uint32_t engine = 0; engine < layout.engine_count(); ++engine) {
    // Only host 0 hears of all hosts; the others speak of the engines that they lead.
    if (layout.host != 0 && layout.leader_of_engine(engine) != layout.host)
      continue;
    verdict.engines.push_back(judge_engine(engine, first_cause, hosts, layout, weight_version));
  }
  if (layout.host == 0 && first_cause.code == ec::none
      && std::ranges::all_of(verdict.engines, &engine_verdict::is_spared))
    verdict.first_cause = {ec::engine_failed, "no engine is left that could take the weights"};
  for (const auto& engine : verdict.engines) // Success is never concluded from silence.
    if (verdict.first_cause.code == ec::none && !engine.why.empty())
      verdict.first_cause = {ec::unspecified, "engine " + engine.endpoint + ": " + engine.why};
  for (const auto& host : hosts) {
    verdict.seconds = std::max(verdict.seconds, host.seconds);
    verdict.ready_seconds = std::max(verdict.ready_seconds, host.ready_seconds);
    verdict.parts_left = verdict.parts_left || (host.parts_left && host.host == layout.host);
  }
  verdict.hosts = std::move(hosts);
  return verdict;
}

std::string describe_bytes(std::uint64_t bytes) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit)
    value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s", value, units[unit]);
  return text;
}

} // namespace ckpt::actors
