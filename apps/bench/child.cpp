// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/bench/child.hpp"

#include "io/error.hpp"
#include "io/fd.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ckpt::apps::bench {
namespace {

/// Longer than any measurement of one round.
constexpr std::chrono::minutes program_max{30};

/// A file for a program's output that disappears with the object.
class output_file {
public:
  output_file() {
    auto name = (std::filesystem::temp_directory_path() / "ckpt-bench-XXXXXX").native();
    const io::fd file{::mkstemp(name.data())};
    if (!file)
      throw io::system_failure(errno, "mkstemp", name);
    path_ = name;
  }
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;
  ~output_file() noexcept { ::unlink(path_.c_str()); }

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::string content() const {
    std::ostringstream text;
    text << std::ifstream{path_}.rdbuf();
    return text.str();
  }

private:
  std::filesystem::path path_;
};

} // namespace

child::child(const std::vector<std::string>& arguments, const std::filesystem::path& output)
    : name_{arguments.front()} {
  std::vector<char*> argv;
  for (const auto& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
  ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  const auto error = ::posix_spawnp(&process_, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    process_ = -1;
    throw io::system_failure(error, "run", name_);
  }
}

child::~child() noexcept {
  if (process_ < 0)
    return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

void child::terminate() noexcept {
  if (process_ >= 0)
    ::kill(process_, SIGTERM);
}

int child::wait(std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  int status = 0;
  while (::waitpid(process_, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > until)
      throw std::runtime_error{name_ + " has not ended in time"};
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string run_program(const std::vector<std::string>& arguments) {
  const output_file output;
  child program{arguments, output.path()};
  const auto status = program.wait(program_max);
  auto text = output.content();
  if (status != 0)
    throw std::runtime_error{arguments.front() + " ended with status " + std::to_string(status) + ": "
                             + text};
  return text;
}

} // namespace ckpt::apps::bench
