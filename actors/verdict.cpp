// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/verdict.hpp"

#include "actors/update.hpp"
#include "io/error.hpp"

#include <cerrno>
#include <cstdio>
#include <fstream>

#include <boost/json.hpp>
#include <unistd.h>

namespace ckpt::actors {
namespace {

namespace json = boost::json;

/// Bytes per second, or null where nothing was done.
[[nodiscard]] json::value rate(std::uint64_t bytes, double seconds) {
  return seconds > 0 ? json::value(static_cast<double>(bytes) / seconds) : json::value(nullptr);
}

[[nodiscard]] json::array describe_engines(const update_verdict& verdict) {
  json::array engines;
  for (const auto& engine : verdict.engines) {
    json::object entry{{"endpoint", engine.endpoint},
                       {"outcome", engine.why.empty() ? "updated" : "failed"},
                       {"serves", name(engine.serves)},
                       {"cause", engine.why.empty() ? json::value(nullptr) : json::value(engine.why)},
                       {"version", engine.version ? json::value(*engine.version) : json::value(nullptr)},
                       {"bytes", engine.bytes},
                       {"seconds", engine.seconds}};
    engines.push_back(std::move(entry));
  }
  return engines;
}

[[nodiscard]] json::object describe_stages(const update_verdict& verdict, const update& context) {
  json::object stages;
  for (const auto& stage : verdict.stages)
    stages[stage.stage] = json::object{{"bytes", stage.bytes},
                                       {"busy_seconds", stage.busy_seconds},
                                       {"bytes_per_second", rate(stage.bytes, stage.busy_seconds)}};
  auto& disk = stages["disk"].as_object();
  disk["from_page_cache_bytes"] = context.page_cache_bytes.load();
  disk["in_place_bytes"] = context.in_place_bytes.load();
  disk["engine"] = context.reader_engine.load();
  return stages;
}

[[nodiscard]] json::object describe_all(const update_verdict& verdict, const update& context) {
  const bool updated = verdict.first_cause.code == ec::none;
  json::object report;
  report["outcome"] = updated ? "updated" : "failed";
  report["exit_status"] = exit_status(verdict.first_cause.code);
  report["cause"] = updated ? json::value(nullptr)
                            : json::value(json::object{{"code", name(verdict.first_cause.code)},
                                                       {"message", verdict.first_cause.what}});
  report["checkpoint"] = json::object{{"name", context.options.checkpoint_name},
                                      {"path", context.checkpoint.path.string()},
                                      {"files", context.checkpoint.files.size()},
                                      {"tensors", context.checkpoint.tensors.size()},
                                      {"bytes", context.checkpoint.tensor_bytes}};
  report["plan"] = json::object{{"buckets", context.plan.buckets.size()},
                                {"bucket_bytes", context.plan.bucket_bytes},
                                {"ring_bytes", context.plan.ring_bytes},
                                {"devices", context.devices.size()}};
  report["seconds"] = verdict.seconds;
  report["ready_seconds"] = verdict.ready_seconds;
  report["bytes_per_second"] =
      updated ? rate(context.checkpoint.tensor_bytes, verdict.seconds) : json::value(nullptr);
  report["engines"] = describe_engines(verdict);
  report["stages"] = describe_stages(verdict, context);
  return report;
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
  }
  return "mixed";
}

void write_report(const update_verdict& verdict, const update& context, const std::filesystem::path& path) {
  // Written beside and renamed: a reader sees a whole report or none.
  const auto beside = path.string() + "." + std::to_string(::getpid()) + ".tmp";
  std::ofstream file{beside};
  file << json::serialize(describe_all(verdict, context)) << '\n';
  file.close();
  if (!file) {
    const int error_number = errno;
    std::remove(beside.c_str());
    throw io::system_failure(error_number, "write", beside);
  }
  if (std::rename(beside.c_str(), path.c_str()) != 0) {
    const int error_number = errno;
    std::remove(beside.c_str());
    throw io::system_failure(error_number, "rename to", path.string());
  }
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

std::string describe(const update_verdict& verdict, const update& context) {
  std::string text;
  for (const auto& engine : verdict.engines) {
    text += "engine " + engine.endpoint + ": ";
    text += engine.why.empty() ? "updated" : "FAILED";
    if (engine.why.empty() && engine.version)
      text += " to version " + *engine.version;
    if (!engine.why.empty())
      text += ", serves "
              + std::string{engine.serves == served_weights::unchanged ? "its old"
                            : engine.serves == served_weights::mixed   ? "MIXED"
                                                                       : "the new"}
              + " weights: " + engine.why;
    text += '\n';
  }
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
