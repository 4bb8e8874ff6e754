// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/worker_process.hpp"

#include "io/error.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>
#include <vector>

#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ckpt::apps::sink {
namespace {

/// Longest time after which a wait for news notices that the sink ends or freezes.
constexpr int slice_ms = 20;

/// For a process that has closed its end to be reaped.
constexpr auto reap_wait = std::chrono::seconds{1};

class worker_gone : public std::runtime_error {
public:
  worker_gone() : std::runtime_error{"the worker's process ended"} {}
};

/// "exit status 1", "signal 9".
std::string describe_end(int status) {
  return WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                             : "exit status " + std::to_string(WEXITSTATUS(status));
}

worker_outcome failed(const worker_order& order, const std::string& why) {
  worker_outcome outcome;
  outcome.device = order.device;
  outcome.error = why;
  return outcome;
}

} // namespace

worker_process::~worker_process() noexcept { static_cast<void>(end({})); }

void worker_process::start() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw io::system_failure(errno, "socketpair", "for a worker");
  io::fd ours{ends[0]};
  const io::fd theirs{ends[1]};
  std::vector<std::string> words{options_.program};
  words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
  words.insert(words.end(), {"--as-worker", std::to_string(number_)});
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.number(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.number(), STDOUT_FILENO);
  const int error = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    pid_ = -1;
    throw io::system_failure(error, "start", options_.program);
  }
  socket_ = std::move(ours);
  unread_.clear();
}

/// Ends it, unless it ends by itself within `patience`, and says how it did.
std::string worker_process::end(std::chrono::milliseconds patience) noexcept {
  if (pid_ < 0)
    return {};
  int status = 0;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
      continue;
    }
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status, 0);
    break;
  }
  pid_ = -1;
  socket_ = io::fd{};
  return describe_end(status);
}

void worker_process::tell(const worker_line& line) {
  const auto text = write_line(line);
  // Far below what a socket holds: nothing is written in part.
  if (::send(socket_.number(), text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
    throw worker_gone{};
}

/// The next line that it has written, or nothing when none came for a while. Throws std::runtime_error when
/// it has ended.
std::optional<std::string> worker_process::next_line() {
  while (true) {
    if (const auto end = unread_.find('\n'); end != std::string::npos) {
      auto line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    pollfd readable{socket_.number(), POLLIN, 0};
    if (::poll(&readable, 1, slice_ms) <= 0)
      return std::nullopt;
    std::array<char, 4096> buffer;
    const auto count = ::read(socket_.number(), buffer.data(), buffer.size());
    if (count <= 0)
      throw worker_gone{};
    unread_.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

/// Gives the process the order, to a new one if it has died since the last update.
void worker_process::hand_over(const worker_order& order, const update_signals& signals) {
  for (bool is_new = pid_ < 0;; is_new = true) {
    if (pid_ < 0)
      start();
    try {
      tell(order);
      const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
      while (std::chrono::steady_clock::now() < deadline && !signals.stop)
        if (const auto line = next_line(); line && std::holds_alternative<order_taken>(read_line(*line)))
          return;
      throw std::runtime_error{"the worker's process does not begin"};
    } catch (const worker_gone&) {
      if (is_new)
        throw;
      static_cast<void>(end({}));
    }
  }
}

worker_outcome worker_process::follow(update_signals& signals) {
  for (bool frozen = false; !signals.stop;) {
    if (signals.frozen && !std::exchange(frozen, true))
      tell(freeze_order{});
    const auto line = next_line();
    if (!line)
      continue;
    auto news = read_line(*line);
    if (auto* outcome = std::get_if<worker_outcome>(&news))
      return std::move(*outcome);
    if (const auto* list = std::get_if<list_news>(&news))
      signals.list_answered(list->lists);
  }
  throw std::runtime_error{"the sink ends"};
}

worker_outcome worker_process::run(const worker_order& order, update_signals& signals) {
  try {
    hand_over(order, signals);
    return follow(signals);
  } catch (const worker_gone& gone) {
    return failed(order, gone.what() + (" (" + end(reap_wait) + ")"));
  } catch (const std::exception& error) {
    static_cast<void>(end({})); // Whatever it is doing: the next update starts a new process.
    return failed(order, error.what());
  }
}

} // namespace ckpt::apps::sink
