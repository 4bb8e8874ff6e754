// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The commands that ask a resident node, against a server that answers as a test tells it.

#include "tests/support/program.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/update_programs.hpp"

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace ckpt::tests {
namespace {

class client_test : public testing::Test {
protected:
  using answers = std::vector<std::pair<unsigned, std::string>>;

  /// Runs a command against a node that gives these answers, in order. Returns the exit status.
  int ask(const arguments& command, const answers& said) {
    const auto socket = (scratch_.path() / "node.sock").string();
    asked_ = 0;
    const scripted_server node{socket, [&](connection& client) {
                                 static_cast<void>(client.read_request());
                                 const auto [status, body] = said.at(asked_++ % said.size());
                                 client.answer(status, body);
                               }};
    arguments all{CKPT_ACTOR_NODE};
    all.insert(all.end(), command.begin(), command.end());
    all.insert(all.end(), {"--node", "unix:" + socket});
    program asking{all, scratch_.path() / "client.log"};
    const auto status = asking.wait(patience);
    EXPECT_TRUE(status.has_value());
    return status.value_or(-1000);
  }

  temporary_directory scratch_{std::filesystem::current_path()};
  std::atomic<std::size_t> asked_ = 0;
};

[[nodiscard]] std::string update(const std::string& state) {
  const std::string over = state == "updated" ? "true" : "false";
  return R"({"id": "1", "state": ")" + state + R"(", "over": )" + over
         + R"(, "waits_for_commit": false, "error": null, "exit_status": 0})";
}

TEST_F(client_test, goes_on_waiting_where_the_node_is_busy_or_host_0_away_for_a_moment) {
  const answers said{{202, update("queued")},
                     {503, R"({"error": "host 0, which answers this, is not reachable"})"},
                     {429, R"({"error": "too many wait already"})"},
                     {200, update("updated")}};
  EXPECT_EQ(ask({"publish", scratch_.path(), "--version", "v1", "--wait"}, said), 0)
      << read_file(scratch_.path() / "client.log");
  EXPECT_EQ(asked_, said.size());
}

TEST_F(client_test, tells_a_request_that_makes_no_sense_from_a_node_that_cannot) {
  for (const auto status : {400u, 401u, 404u, 409u})
    EXPECT_EQ(ask({"versions"}, {{status, R"({"error": "no"})"}}), 2) << status;
  for (const auto status : {429u, 500u, 503u})
    EXPECT_EQ(ask({"versions"}, {{status, R"({"error": "not now"})"}}), 1) << status;
}

} // namespace
} // namespace ckpt::tests
