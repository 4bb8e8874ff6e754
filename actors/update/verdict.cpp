// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/verdict.hpp"

#include "actors/update/proofs.hpp"
#include "actors/update/update.hpp"
#include "io/utf8.hpp"

#include <algorithm>
#include <cstdio>

#include <boost/json.hpp>

namespace ckpt::actors {
namespace {

namespace json = boost::json;

/// Bytes per second, or null where nothing was done.
[[nodiscard]] json::value rate(std::uint64_t bytes, double seconds) {
  return seconds > 0 ? json::value(static_cast<double>(bytes) / seconds) : json::value(nullptr);
}

[[nodiscard]] json::value describe_pause(const engine_account& account) {
  if (account.pause.empty())
    return nullptr;
  return json::object{{"mode", account.pause}, {"seconds", account.pause_seconds}};
}

[[nodiscard]] json::array describe_engines(const update_verdict& verdict, const update& context) {
  json::array engines;
  for (std::size_t index = 0; index < verdict.engines.size(); ++index) {
    const auto& engine = verdict.engines[index];
    json::object entry{{"endpoint", engine.endpoint},
                       {"outcome", engine.why.empty() ? "updated" : "failed"},
                       {"serves", name(engine.serves)},
                       {"cause", engine.why.empty() ? json::value(nullptr) : json::value(engine.why)},
                       {"error", engine.detail.empty() ? json::value(nullptr) : json::value(engine.detail)},
                       {"version", engine.version ? json::value(*engine.version) : json::value(nullptr)},
                       {"pause", describe_pause(engine.account)},
                       {"remarks", json::value_from(engine.account.remarks)},
                       {"proof", describe_proof(engine.account.proof, index, context)},
                       {"bytes", engine.bytes},
                       {"seconds", engine.seconds}};
    engines.push_back(std::move(entry));
  }
  return engines;
}

[[nodiscard]] json::object describe_stages(const std::vector<host_verdict>& hosts) {
  json::object stages;
  for (const auto& stage : merge_stages(hosts))
    stages[stage.stage] = json::object{{"bytes", stage.bytes},
                                       {"busy_seconds", stage.busy_seconds},
                                       {"bytes_per_second", rate(stage.bytes, stage.busy_seconds)}};
  if (stages.empty())
    return stages;
  std::uint64_t from_page_cache_bytes = 0;
  std::uint64_t in_place_bytes = 0;
  double connect_seconds = 0; // of the slowest, as busy seconds are
  for (const auto& host : hosts) {
    connect_seconds = std::max(connect_seconds, host.connect_seconds);
    from_page_cache_bytes += host.from_page_cache_bytes;
    in_place_bytes += host.in_place_bytes;
  }
  auto& disk = stages["disk"].as_object();
  disk["from_page_cache_bytes"] = from_page_cache_bytes;
  disk["in_place_bytes"] = in_place_bytes;
  disk["engine"] = hosts.front().reader_engine;
  if (auto* broadcast = stages.if_contains("broadcast"))
    broadcast->as_object()["connect_seconds"] = connect_seconds;
  return stages;
}

/// Of the host that took longest: the others waited for it.
[[nodiscard]] json::object describe_startup(const std::vector<host_verdict>& hosts) {
  startup_report slowest;
  for (const auto& host : hosts) {
    slowest.devices_seconds = std::max(slowest.devices_seconds, host.startup.devices_seconds);
    slowest.memory_seconds = std::max(slowest.memory_seconds, host.startup.memory_seconds);
  }
  return {{"devices_seconds", slowest.devices_seconds}, {"memory_seconds", slowest.memory_seconds}};
}

[[nodiscard]] json::array describe_hosts(const update_verdict& verdict) {
  json::array hosts;
  for (const auto& host : verdict.hosts) {
    json::object entry{{"host", host.host},
                       {"name", host.name},
                       {"cause", host.first_cause.code == ec::none ? json::value(nullptr)
                                                                   : json::value(host.first_cause.what)},
                       {"seconds", host.seconds},
                       {"ready_seconds", host.ready_seconds},
                       {"startup", describe_startup({host})},
                       {"stages", describe_stages({host})}};
    hosts.push_back(std::move(entry));
  }
  return hosts;
}

/// Names of files and hosts may be in any encoding; JSON is UTF-8.
void make_valid(json::value& part) {
  if (auto* text = part.if_string())
    *text = io::valid_utf8(*text);
  else if (auto* list = part.if_array())
    std::ranges::for_each(*list, make_valid);
  else if (auto* object = part.if_object())
    for (auto& entry : *object)
      make_valid(entry.value());
}

[[nodiscard]] json::object describe_all(const update_verdict& verdict, const update& context) {
  const bool updated = verdict.first_cause.code == ec::none;
  json::object report;
  report["outcome"] = updated ? "updated" : "failed";
  report["exit_status"] = exit_status(verdict.first_cause.code);
  report["cause"] = updated ? json::value(nullptr)
                            : json::value(json::object{{"code", name(verdict.first_cause.code)},
                                                       {"message", verdict.first_cause.what}});
  report["engine"] = io::name(context.options.engine);
  report["checkpoint"] = json::object{
      {"name", context.options.checkpoint_name},  {"path", context.checkpoint.path.string()},
      {"files", context.checkpoint.files.size()}, {"tensors", context.checkpoint.tensors.size()},
      {"bytes", context.checkpoint.tensor_bytes}, {"remarks", json::value_from(context.checkpoint.remarks)}};
  report["plan"] = json::object{{"groups", context.plan.group_count},
                                {"largest_group", json::object{{"name", context.plan.largest.name},
                                                               {"bytes", context.plan.largest.bytes}}},
                                {"divided_groups", context.plan.divided.size()},
                                {"buckets", context.plan.buckets.size()},
                                {"bucket_bytes", context.plan.bucket_bytes},
                                {"ring_bytes", context.plan.ring_bytes},
                                {"devices", context.devices.size()}};
  report["seconds"] = verdict.seconds;
  report["ready_seconds"] = verdict.ready_seconds;
  report["startup"] = describe_startup(verdict.hosts);
  report["bytes_per_second"] =
      updated ? rate(context.checkpoint.tensor_bytes, verdict.seconds) : json::value(nullptr);
  report["engines"] = describe_engines(verdict, context);
  report["stages"] = describe_stages(verdict.hosts);
  if (context.layout.hosts > 1)
    report["hosts"] = describe_hosts(verdict);
  return report;
}

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

/// What the engine serves, judged by what its workers were sent and said, and by its own word on the version.
[[nodiscard]] served_weights serves(const std::vector<const engine_share*>& shares, std::size_t shares_due,
                                    const engine_account& account,
                                    const std::optional<std::string>& weight_version) {
  const bool complete = shares.size() == shares_due;
  const bool finished = complete && std::ranges::all_of(shares, &engine_share::finished);
  // Only a version that was another one before says anything.
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
  // Servers say back what their workers were told, or what these said: once is enough. Of a worker that
  // closed without a word they know why, beside what the others were told.
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

[[nodiscard]] engine_verdict judge_engine(std::uint32_t engine, const cause& first_cause,
                                          const std::vector<host_verdict>& hosts,
                                          const cluster_layout& layout,
                                          const std::optional<std::string>& weight_version) {
  engine_verdict verdict;
  const auto shares = shares_of(engine, hosts);
  // A host that is not host 0 hears only of its own share: it judges by that.
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
  verdict.serves = serves(shares, shares_due, verdict.account, weight_version);
  if (first_cause.engine == static_cast<int>(engine))
    verdict.detail = first_cause.detail;
  for (const auto* share : shares) {
    verdict.bytes = std::min(verdict.bytes, share->bytes);
    verdict.seconds = std::max(verdict.seconds, share->seconds);
  }
  if (leader == shares.end() || !(*leader)->closed)
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
  for (const auto& host : hosts) {
    verdict.seconds = std::max(verdict.seconds, host.seconds);
    verdict.ready_seconds = std::max(verdict.ready_seconds, host.ready_seconds);
    verdict.parts_left = verdict.parts_left || (host.parts_left && host.host == layout.host);
  }
  verdict.hosts = std::move(hosts);
  return verdict;
}

std::string report_text(const update_verdict& verdict, const update& context) {
  json::value report = describe_all(verdict, context);
  make_valid(report);
  return json::serialize(report) + '\n';
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

namespace {

[[nodiscard]] const char* describe(served_weights state) {
  switch (state) {
  case served_weights::unchanged:
    return "its old weights";
  case served_weights::mixed:
    return "MIXED weights";
  case served_weights::updated:
    return "the new weights";
  case served_weights::unknown:
    break;
  }
  return "UNKNOWN weights";
}

[[nodiscard]] std::string describe_pause_time(const engine_account& account) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f s", account.pause_seconds);
  return "\n  paused (" + account.pause + ") for " + text;
}

/// A failure that says nothing of the engines here.
[[nodiscard]] bool is_elsewhere(const update_verdict& verdict) {
  return verdict.first_cause.code != ec::none
         && std::ranges::all_of(verdict.engines, [](const auto& engine) { return engine.why.empty(); });
}

} // namespace

std::string describe(const update_verdict& verdict, const update& context) {
  std::string text;
  for (const auto& engine : verdict.engines) {
    text += "engine " + engine.endpoint + ": ";
    text += engine.why.empty() ? "updated" : "FAILED";
    if (engine.why.empty() && engine.version)
      text += " to version " + *engine.version;
    if (!engine.why.empty())
      text += ", serves " + std::string{describe(engine.serves)} + ": " + engine.why;
    if (engine.serves == served_weights::mixed || engine.serves == served_weights::unknown)
      text += "\n  update it again before you trust its answers";
    if (!engine.account.pause.empty())
      text += describe_pause_time(engine.account);
    if (const auto& proof = engine.account.proof; proof.parameters > 0)
      text += "\n  told the checksums of " + std::to_string(proof.parameters) + " parameters";
    for (const auto& remark : engine.account.remarks)
      text += "\n  note: " + remark;
    text += '\n';
  }
  if (is_elsewhere(verdict))
    text += headline(verdict.first_cause) + '\n';
  char times[160];
  if (verdict.first_cause.code == ec::none)
    std::snprintf(times, sizeof times, "updated: %s in %.2f s (%s/s)",
                  describe_bytes(context.checkpoint.tensor_bytes).c_str(), verdict.seconds,
                  describe_bytes(static_cast<std::uint64_t>(
                                     static_cast<double>(context.checkpoint.tensor_bytes) / verdict.seconds))
                      .c_str());
  else
    std::snprintf(times, sizeof times, "failed after %.2f s (%s)", verdict.seconds,
                  name(verdict.first_cause.code));
  return text + times;
}

} // namespace ckpt::actors
