// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/report.hpp"

#include "apps/sink/dialect.hpp"
#include "io/error.hpp"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iostream>

#include <boost/json.hpp>

namespace ckpt::apps::sink {
namespace {

namespace json = boost::json;

json::value or_null(const std::optional<bool>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::object describe(const report_entry& entry) {
  json::array workers;
  std::uint64_t tensors = 0;
  std::uint64_t bytes = 0;
  json::array followers;
  for (const auto& follower : entry.outcome.followers)
    followers.push_back(json::object{{"url", follower.url}, {"error", follower.error}});
  for (const auto& worker : entry.outcome.workers) {
    workers.push_back(describe(worker));
    tensors += worker.tensors;
    bytes += worker.bytes;
  }
  const auto hidden_error = entry.outcome.hidden_error();
  const auto verified = hidden_error.empty() ? or_null(entry.outcome.verified()) : json::value(false);
  return {
      {"update", entry.serial},
      {"success", entry.error.empty()},
      {"error", entry.error},
      {"hidden_error", hidden_error},
      {"weight_version", entry.weight_version ? json::value(*entry.weight_version) : json::value(nullptr)},
      {"tensors", tensors},
      {"bytes", bytes},
      {"seconds", entry.outcome.seconds},
      {"verified", verified},
      {"workers", std::move(workers)},
      {"followers", std::move(followers)}};
}

} // namespace

void replace_file(const std::string& path, const std::string& content) {
  const auto draft = path + ".part";
  std::ofstream file{draft, std::ios::trunc};
  file << content;
  file.close();
  if (!file)
    throw io::system_failure(errno, "write", draft);
  if (std::rename(draft.c_str(), path.c_str()) != 0)
    throw io::system_failure(errno, "rename", draft);
}

report::report(const sink_options& options) : options_{options} {
  if (!options_.report_path.empty())
    write(); // A path that cannot be written is found out before the first update.
}

void report::add(const report_entry& entry) {
  std::cout << "update " << entry.serial << ": ";
  if (entry.error.empty())
    std::cout << summary(entry.outcome);
  else
    std::cout << "FAILED: " << entry.error;
  if (const auto hidden = entry.outcome.hidden_error(); !hidden.empty())
    std::cout << "; BUT the weights are not right: " << hidden;
  if (entry.weight_version)
    std::cout << "; weight version \"" << *entry.weight_version << '"';
  std::cout << std::endl;
  if (options_.report_path.empty())
    return;
  updates_.push_back(describe(entry));
  try {
    write();
  } catch (const std::exception& error) {
    std::cerr << "ckpt-sink: " << error.what() << std::endl;
  }
}

void report::write() const {
  const json::object body{{"workers", options_.workers}, {"updates", updates_}};
  replace_file(options_.report_path, json::serialize(body) + "\n");
}

} // namespace ckpt::apps::sink
