// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The program ckpt-sink itself: its command line, its ready line, its end.

#include "io/engine/pickle_writer.hpp"
#include "tests/apps/sink/harness.hpp"
#include "tests/apps/sink/sink_process.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include <sys/wait.h>

namespace ckpt::tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

int exit_status_of(const std::vector<std::string>& arguments) {
  sink_process process{arguments};
  while (!process.read_line().empty()) {
  }
  const auto status = process.wait();
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(sink_program, explains_itself) {
  sink_process process{{"--help"}};
  EXPECT_THAT(process.read_line(), HasSubstr("Stands in for an inference engine"));
  process.wait();
}

TEST(sink_program, ends_with_status_2_on_wrong_usage) {
  EXPECT_EQ(exit_status_of({"--engine", "other"}), 2);
  EXPECT_EQ(exit_status_of({"--workers", "0"}), 2);
  EXPECT_EQ(exit_status_of({"--fault", "nonsense"}), 2);
  EXPECT_EQ(exit_status_of({"--fault", "bucket-error:last"}), 2); // Without --verify nobody knows which.
  EXPECT_EQ(exit_status_of({"--fault", "one-worker-only:1"}), 2);
  EXPECT_EQ(exit_status_of({"--consume", "fuse"}), 2); // Nobody would see what it does.
  EXPECT_EQ(exit_status_of({"--consume", "held-views"}), 2);
  EXPECT_EQ(exit_status_of({"--readiness", "sometimes"}), 2);
  EXPECT_EQ(exit_status_of({"--dummy-after", "-1"}), 2);
  EXPECT_EQ(exit_status_of({"--api-key-file", "/nonexistent/key"}), 2);
}

TEST(sink_program, ends_with_status_3_without_the_checkpoint) {
  EXPECT_EQ(exit_status_of({"--verify", "/nonexistent/model"}), 3);
}

TEST(sink_program, says_where_it_listens_and_ends_on_sigterm) {
  const temporary_directory directory;
  const auto port_file = directory.path() / "port";
  sink_process process{{"--port-file", port_file.string()}};
  const auto line = process.read_line();
  std::string port;
  std::ifstream{port_file} >> port;
  EXPECT_EQ(line, "ckpt-sink ready on http://127.0.0.1:" + port);
  process.signal(SIGTERM);
  const auto status = process.wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(sink_program, ends_on_sigterm_in_the_middle_of_an_update) {
  const sample_checkpoint source;
  sink_process process{{}};
  const auto line = process.read_line();
  ASSERT_THAT(line, StartsWith("ckpt-sink ready on "));
  hand_pusher pusher;
  io::http_call call{io::parse_endpoint(line.substr(line.find("http")), {}),
                     {io::http_request::verb::post, "/update_weights_from_ipc", update_body({&pusher}, "v1")},
                     {},
                     patience};
  while (!call.wait(std::chrono::milliseconds{100}) && !pusher.connected()) {
  }
  EXPECT_EQ(pusher.ask(io::pickle_file_handle(source.buffer_path(), source.buffer_bytes())), "");
  process.signal(SIGTERM);
  const auto status = process.wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(sink_program, can_kill_itself_at_a_message) {
  const sample_checkpoint source;
  for (const auto* moment : {"handle", "last", "none"}) {
    SCOPED_TRACE(moment);
    sink_process process{{"--verify", source.path(), "--fault", std::string{"die-at:"} + moment}};
    const auto line = process.read_line();
    ASSERT_THAT(line, StartsWith("ckpt-sink ready on "));
    hand_pusher pusher;
    io::http_call call{
        io::parse_endpoint(line.substr(line.find("http")), {}),
        {io::http_request::verb::post, "/update_weights_from_ipc", update_body({&pusher}, "v1")},
        {},
        patience};
    while (!call.wait(std::chrono::milliseconds{100}) && !pusher.connected()) {
    }
    const std::vector<std::string> messages{
        io::pickle_file_handle(source.buffer_path(), source.buffer_bytes()), list_message(source.tensors()),
        io::pickle_none()};
    const std::size_t deadly = std::string_view{moment} == "handle" ? 0
                               : std::string_view{moment} == "last" ? 1
                                                                    : 2;
    for (std::size_t index = 0; index < deadly; ++index)
      EXPECT_EQ(pusher.ask(messages[index]), "");
    pusher.send(messages[deadly]);
    const auto status = process.wait();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  }
}

} // namespace
} // namespace ckpt::tests
