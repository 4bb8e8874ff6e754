// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/program.hpp"

#include "io/error.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ckpt::tests {

using namespace std::chrono_literals;

program::program(const std::vector<std::string>& arguments, std::filesystem::path log)
    : log_{std::move(log)} {
  std::vector<char*> argv;
  for (const auto& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  const int error = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    throw io::system_failure(error, "spawn", arguments[0]);
}

program::~program() noexcept {
  if (!status_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

void program::send_signal(int number) const { ::kill(pid_, number); }

std::optional<int> program::wait(std::chrono::milliseconds deadline) {
  static_cast<void>(eventually(
      [&] {
        int status = 0;
        rusage used{};
        if (!status_ && ::wait4(pid_, &status, WNOHANG, &used) == pid_) {
          status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
          disk_bytes_ = static_cast<std::uint64_t>(used.ru_inblock) * 512;
        }
        return status_.has_value();
      },
      deadline));
  return status_;
}

std::string program::output() const { return read_file(log_); }

std::vector<pid_t> children_of(pid_t parent) {
  // Not from /proc/PID/task/TID/children: a child whose thread ends meanwhile is in none of them, or in two.
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
    const auto process = std::atoi(entry.path().filename().c_str());
    std::ifstream file{entry.path() / "stat"};
    std::string stat; // PID (NAME) STATE PARENT …; nothing of a process that is gone by now
    if (process <= 0 || !std::getline(file, stat))
      continue;
    const auto behind_name = stat.rfind(") ");
    if (stat[behind_name + 2] != 'Z' && std::atoi(stat.c_str() + behind_name + 4) == parent)
      children.push_back(process);
  }
  return children;
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

} // namespace ckpt::tests
