// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/apps/node/update_fixture.hpp"

#include "apps/synthetic.hpp"
#include "gpu/host_device.hpp"

#include <algorithm>

namespace ckpt::tests {

namespace fs = std::filesystem;

fs::path update_test::make_checkpoint(std::uint64_t bytes, std::uint32_t shards, const fs::path& parent) {
  apps::synthetic_options options;
  options.directory = (parent.empty() ? scratch_.path() : parent) / "checkpoint";
  options.shards = shards;
  options.tensors.total_bytes = bytes;
  options.tensors.tensor_bytes_max = 3 << 20;
  options.tensors.edge_cases = true;
  apps::write_checkpoint(options);
  return options.directory;
}

void update_test::start_engine(const fs::path& checkpoint, const arguments& more) {
  const auto port_file = scratch_.path() / "port";
  fs::remove(port_file);
  arguments command{CKPT_SINK, "--verify", checkpoint, "--timeout", "30"};
  const bool over_tcp = std::find(more.begin(), more.end(), "--uds") == more.end();
  if (over_tcp)
    command.insert(command.end(), {"--port-file", port_file});
  command.insert(command.end(), more.begin(), more.end());
  engine_ = std::make_unique<program>(command, scratch_.path() / "engine.log");
  ASSERT_TRUE(
      eventually([&] { return engine_->output().find("ckpt-sink ready") != std::string::npos; }, patience))
      << engine_->output();
  endpoint_ = over_tcp ? "http://127.0.0.1:" + read_file(port_file) : "http://localhost:19730";
  while (!endpoint_.empty() && endpoint_.back() == '\n')
    endpoint_.pop_back();
}

std::unique_ptr<program> update_test::start_node(const fs::path& checkpoint, const arguments& more) {
  arguments command{CKPT_ACTOR_NODE,
                    "--checkpoint-path",
                    checkpoint,
                    "--device",
                    "host",
                    "--timeout",
                    "2",
                    "--bucket-size",
                    "4MiB",
                    "--chunk-size",
                    "1MiB",
                    "--host-memory",
                    "8MiB",
                    "--report",
                    scratch_.path() / "report.json"};
  command.insert(command.end(), node_arguments_.begin(), node_arguments_.end());
  if (std::find(more.begin(), more.end(), "--endpoint") == more.end())
    command.insert(command.end(), {"--endpoint", endpoint_});
  command.insert(command.end(), more.begin(), more.end());
  return std::make_unique<program>(command, scratch_.path() / "node.log");
}

int update_test::run_node(const fs::path& checkpoint, const arguments& more) {
  fs::remove(scratch_.path() / "report.json");
  auto node = start_node(checkpoint, more);
  const auto status = node->wait(patience);
  node_output_ = node->output();
  EXPECT_TRUE(status.has_value()) << "the update hangs:\n" << node_output_;
  return status.value_or(-1000);
}

boost::json::object update_test::report() const {
  boost::json::error_code error;
  auto value = boost::json::parse(read_file(scratch_.path() / "report.json"), error);
  EXPECT_FALSE(error) << "no report";
  return value.is_object() ? value.as_object() : boost::json::object{};
}

void update_test::expect_nothing_left() const {
  // Other tests may run beside this one: only a ring that no living process has locked was left behind.
  EXPECT_EQ(gpu::remove_stale_rings("/dev/shm"), 0u);
}

} // namespace ckpt::tests
