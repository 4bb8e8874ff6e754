// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/apps/node/update_fixture.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

namespace ckpt::tests {

namespace fs = std::filesystem;

fs::path update_test::make_checkpoint(std::uint64_t bytes, std::uint32_t shards, const fs::path& parent) {
  return write_small_checkpoint(parent.empty() ? scratch_.path() : parent, bytes, shards);
}

void update_test::start_engine(const fs::path& checkpoint, const arguments& more) {
  const auto port_file = scratch_.path() / "port";
  fs::remove(port_file);
  auto flags = more;
  const bool over_tcp = std::find(more.begin(), more.end(), "--uds") == more.end();
  if (over_tcp)
    flags.insert(flags.end(), {"--port-file", port_file});
  engine_ = std::make_unique<program>(sink_command(checkpoint, flags),
                                      scratch_.path() / ("engine-" + std::to_string(++starts_) + ".log"));
  ASSERT_TRUE(listens(*engine_)) << engine_->output();
  endpoint_ = over_tcp ? "http://127.0.0.1:" + read_file(port_file) : "http://localhost:19730";
  while (!endpoint_.empty() && endpoint_.back() == '\n')
    endpoint_.pop_back();
  if (std::find(more.begin(), more.end(), "--port") == more.end())
    remove_marks_of_engine(endpoint_);
}

std::unique_ptr<program> update_test::start_node(const fs::path& checkpoint, const arguments& more) {
  auto flags = node_arguments_;
  if (std::find(more.begin(), more.end(), "--endpoint") == more.end())
    flags.insert(flags.end(), {"--endpoint", endpoint_});
  flags.insert(flags.end(), more.begin(), more.end());
  return std::make_unique<program>(node_command(checkpoint, scratch_.path() / "report.json", flags),
                                   scratch_.path() / "node.log");
}

std::unique_ptr<program> update_test::start_and_reach_the_middle(const fs::path& checkpoint,
                                                                 const arguments& more) {
  EXPECT_TRUE(eventually([&] { return !takes_weights(*engine_); }, patience)) << "of an update before";
  auto node = start_node(checkpoint, more);
  EXPECT_TRUE(eventually([&] { return takes_weights(*engine_); }, patience)) << node->output();
  // Some buckets, of the seconds that all of them take. Any moment will do: what is tested has to hold at each.
  std::this_thread::sleep_for(std::chrono::milliseconds{300});
  return node;
}

int update_test::run_node(const fs::path& checkpoint, const arguments& more) {
  fs::remove(scratch_.path() / "report.json");
  auto node = start_node(checkpoint, more);
  const auto status = node->wait(patience);
  node_output_ = node->output();
  EXPECT_TRUE(status.has_value()) << "the update hangs:\n" << node_output_;
  return status.value_or(-1000);
}

boost::json::object update_test::report() const { return read_report(scratch_.path() / "report.json"); }

void update_test::expect_nothing_left() const {
  expect_no_ring_left(read_file(scratch_.path() / "node.log"));
}

} // namespace ckpt::tests
