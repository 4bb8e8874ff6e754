// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/other_process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ckpt::tests {
namespace {

constexpr auto role_flag = "--role";

/// Where a process in a role finds its end of the conversation.
constexpr int talk_file = STDIN_FILENO;

std::vector<std::string> environment_with(const std::map<std::string, std::string>& variables) {
  std::vector<std::string> all;
  for (char** each = environ; *each != nullptr; ++each)
    if (!variables.contains(std::string{*each, std::strcspn(*each, "=")}))
      all.emplace_back(*each);
  for (const auto& [name, value] : variables)
    all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

} // namespace

conversation::~conversation() noexcept { ::close(file_); }

void conversation::send(const std::string& message) const {
  if (::send(file_, message.data(), message.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(message.size()))
    throw std::system_error{errno, std::generic_category(), "send"};
}

std::string conversation::receive() const {
  std::string message(64 << 10, '\0');
  const auto bytes = ::recv(file_, message.data(), message.size(), 0);
  message.resize(static_cast<std::size_t>(std::max<ssize_t>(bytes, 0)));
  return message;
}

other_process::other_process(const std::string& name, const std::map<std::string, std::string>& variables) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::system_error{errno, std::generic_category(), "socketpair"};
  talk_.emplace(ends[0]);
  std::vector<std::string> words{"/proc/self/exe", role_flag, name};
  auto texts = environment_with(variables);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], talk_file);
  const int error = ::posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, pointers_to(words).data(),
                                  pointers_to(texts).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (error != 0)
    throw std::system_error{error, std::generic_category(), "posix_spawn"};
}

other_process::~other_process() noexcept {
  if (pid_ < 0)
    return;
  ::kill(pid_, SIGKILL);
  static_cast<void>(wait());
}

void other_process::signal(int number) const { ::kill(pid_, number); }

void other_process::stop() const {
  signal(SIGSTOP);
  ::waitpid(pid_, nullptr, WUNTRACED);
}

int other_process::wait() {
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

bool has_role(int argc, char** argv) { return argc == 3 && std::string_view{argv[1]} == role_flag; }

int run_tests_or_role(int argc, char** argv, const std::map<std::string, role>& roles) {
  if (has_role(argc, argv)) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // It does not outlive the test.
    conversation talk{talk_file};
    return roles.at(argv[2])(talk);
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

} // namespace ckpt::tests
