// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/update_programs.hpp"

#include "apps/synthetic.hpp"
#include "io/engine/update_lock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <set>
#include <string>
#include <string_view>

namespace ckpt::tests {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view device_prefix = "GPU-";

/// Files in /dev/shm of which the name begins with `kind` and a device that the log names, without its "GPU-".
[[nodiscard]] std::vector<fs::path> shared_files(const std::string& kind, const std::string& node_log) {
  constexpr std::size_t uuid_bytes = 36;
  std::set<std::string> beginnings;
  for (auto at = node_log.find(device_prefix); at != std::string::npos;
       at = node_log.find(device_prefix, at + 1))
    beginnings.insert(kind + node_log.substr(at + device_prefix.size(), uuid_bytes));
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator{"/dev/shm"})
    if (std::ranges::any_of(beginnings, [name = file.path().filename().string()](const auto& beginning) {
          return name.starts_with(beginning);
        }))
      files.push_back(file);
  return files;
}

} // namespace

fs::path write_small_checkpoint(const fs::path& parent, std::uint64_t bytes, std::uint32_t shards) {
  apps::synthetic_options options;
  options.directory = parent / "checkpoint";
  options.shards = shards;
  options.tensors.total_bytes = bytes;
  options.tensors.tensor_bytes_max = 3 << 20;
  options.tensors.edge_cases = true;
  apps::write_checkpoint(options);
  return options.directory;
}

arguments sink_command(const fs::path& checkpoint, const arguments& more) {
  arguments command{CKPT_SINK, "--verify", checkpoint, "--timeout", "30"};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

bool listens(const program& engine) {
  return eventually([&] { return engine.output().find("ckpt-sink ready") != std::string::npos; }, patience);
}

bool takes_weights(const program& engine) {
  auto processes = children_of(engine.pid()); // Its workers are these, or threads of its own.
  processes.push_back(engine.pid());
  return std::ranges::any_of(processes, [](pid_t process) {
    std::ifstream maps{"/proc/" + std::to_string(process) + "/maps"};
    for (std::string line; std::getline(maps, line);)
      if (line.find("/ckpt-actor-ring-") != std::string::npos && line.ends_with("(deleted)"))
        return true;
    return false;
  });
}

arguments node_command(const fs::path& checkpoint, const fs::path& report, const arguments& more) {
  arguments command{CKPT_ACTOR_NODE, "--checkpoint-path", checkpoint, "--device",
                    "host",          "--timeout",         "20",       "--bucket-size",
                    "4MiB",          "--chunk-size",      "1MiB",     "--host-memory",
                    "8MiB",          "--stay-time",       "3",        "--report",
                    report};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

arguments joining_command(const fs::path& metas, const fs::path& report, const arguments& more) {
  arguments command{
      CKPT_ACTOR_NODE, "--load-metas-file", metas, "--device", "host", "--timeout", "20", "--host-memory",
      "8MiB",          "--stay-time",       "3",   "--report", report};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

boost::json::object read_report(const fs::path& path) {
  boost::json::error_code error;
  auto value = boost::json::parse(read_file(path), error);
  EXPECT_FALSE(error) << "no report in " << path;
  return value.is_object() ? value.as_object() : boost::json::object{};
}

void remove_marks_of_engine(const std::string& url) {
  const auto engine = io::engine_key(io::parse_endpoint(url, ""));
  std::string names;
  for (std::size_t rank = 0; rank < 16; ++rank)
    names += io::host_worker_uuid(engine, rank) + '\n';
  remove_marks(names);
}

void remove_marks(const std::string& node_log) {
  for (const auto& file : shared_files("ckpt-actor-mark-GPU-", node_log))
    fs::remove(file);
}

void expect_no_ring_left(const std::string& node_log) {
  EXPECT_THAT(node_log, testing::HasSubstr(std::string{device_prefix})) << "names no device";
  EXPECT_THAT(shared_files("ckpt-actor-ring-", node_log), testing::IsEmpty());
}

} // namespace ckpt::tests
