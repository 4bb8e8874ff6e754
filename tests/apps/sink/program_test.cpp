// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The program ckpt-sink itself: its command line, its ready line, its end.

#include "io/fd.hpp"
#include "io/pickle_writer.hpp"
#include "tests/apps/sink/harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ckpt::tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// A running ckpt-sink and its standard output. Killed at the end when it still runs.
class sink_process {
public:
  explicit sink_process(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), CKPT_SINK_PROGRAM);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      throw std::system_error{errno, std::generic_category(), "pipe"};
    output_ = io::fd{ends[0]};
    const io::fd write_end{ends[1]};
    std::vector<char*> argv;
    for (auto& argument : arguments)
      argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, write_end.number(), STDOUT_FILENO);
    const auto error = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
      throw std::system_error{error, std::generic_category(), "spawn"};
  }
  sink_process(const sink_process&) = delete;
  sink_process& operator=(const sink_process&) = delete;
  ~sink_process() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      (void)wait();
    }
  }

  /// The next line of its output without the line end; what there is when it ends before.
  std::string read_line() {
    std::string line;
    for (char next = 0; ::read(output_.number(), &next, 1) == 1 && next != '\n';)
      line.push_back(next);
    return line;
  }

  void signal(int number) const { ::kill(pid_, number); }

  /// The wait status, as for WIFEXITED and its like.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

private:
  pid_t pid_ = -1;
  io::fd output_;
};

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
