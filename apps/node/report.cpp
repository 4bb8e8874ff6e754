// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/report.hpp"

#include "io/utf8.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace ckpt::apps {
namespace {

namespace json = boost::json;
using namespace actors; // All of it is about them.

/// Bytes per second, or null where nothing was done.
[[nodiscard]] json::value rate(std::uint64_t bytes, double seconds) {
  return seconds > 0 ? json::value(static_cast<double>(bytes) / seconds) : json::value(nullptr);
}

[[nodiscard]] json::value describe_pause(const engine_account& account) {
  if (account.pause.empty())
    return nullptr;
  return json::object{{"mode", account.pause}, {"seconds", account.pause_seconds}};
}

/// Null when there is none. Checksums are known only for the engines that this host leads. The verdict has
/// those first, so `index` is their number here.
[[nodiscard]] json::value describe_proof(const engine_proof& proof, std::size_t index,
                                         const update& context) {
  if (proof.parameters == 0)
    return nullptr;
  json::value checksums = nullptr;
  if (index < context.checksums.size())
    checksums = json::value_from(context.checksums[index]);
  return json::object{{"seconds", proof.seconds}, {"checksums", std::move(checksums)}};
}

[[nodiscard]] json::array describe_engines(const update_verdict& verdict, const update& context) {
  json::array engines;
  for (std::size_t index = 0; index < verdict.engines.size(); ++index) {
    const auto& engine = verdict.engines[index];
    json::object entry{{"endpoint", engine.endpoint},
                       {"outcome", engine.is_spared     ? "spared"
                                   : engine.why.empty() ? "updated"
                                                        : "failed"},
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

/// The longest time of any host for each step: the others waited for it.
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

/// True for a failure that no engine of the verdict had.
[[nodiscard]] bool is_elsewhere(const update_verdict& verdict) {
  return verdict.first_cause.code != ec::none
         && std::ranges::all_of(verdict.engines, [](const auto& engine) { return engine.why.empty(); });
}

} // namespace

json::object report_of(const update_verdict& verdict, const update& context) {
  json::value report = describe_all(verdict, context);
  make_valid(report);
  return std::move(report.as_object());
}

std::string summary_of(const update_verdict& verdict, const update& context) {
  std::string text;
  for (const auto& engine : verdict.engines) {
    text += "engine " + engine.endpoint + ": ";
    if (engine.is_spared) {
      text += "spared\n";
      continue;
    }
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

std::string stages_table(const update_verdict& verdict) {
  const auto stages = merge_stages(verdict.hosts);
  const auto busiest = std::ranges::max_element(stages, {}, &stage_report::busy_seconds);
  if (busiest == stages.end() || busiest->busy_seconds <= 0 || verdict.seconds <= 0)
    return {};
  std::string text = "stage           busy           rate   of the whole";
  for (const auto& stage : stages) {
    const auto bytes_per_second =
        stage.busy_seconds > 0
            ? static_cast<std::uint64_t>(static_cast<double>(stage.bytes) / stage.busy_seconds)
            : 0;
    char line[128];
    std::snprintf(line, sizeof line, "\n%-10s %7.2f s %12s/s %12.0f %%%s", stage.stage.c_str(),
                  stage.busy_seconds, describe_bytes(bytes_per_second).c_str(),
                  100 * stage.busy_seconds / verdict.seconds,
                  stage.stage == busiest->stage ? "  bottleneck" : "");
    text += line;
  }
  return text;
}

} // namespace ckpt::apps
