// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/attendant.hpp"

#include "actors/update/verdict.hpp"

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace ckpt::apps {
namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 200ms;
constexpr auto watch_every = 10s; // Events wake it.
constexpr auto log_every = 10s;

[[nodiscard]] sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

/// The state of the update; before the workers take buckets, the bytes that were read ahead.
[[nodiscard]] std::string describe_now(const actors::update& update, double seconds) {
  const auto done = update.acknowledged_bytes.load();
  const auto all = update.checkpoint.tensor_bytes;
  if (!update.is_running)
    return "waiting for the other hosts";
  if (done == 0)
    return "read " + actors::describe_bytes(update.disk_meter.bytes()) + " of " + actors::describe_bytes(all)
           + ", waiting for the engine";
  return describe_progress(done, all, seconds);
}

[[nodiscard]] io::fd make_event() {
  io::fd made{::eventfd(0, EFD_CLOEXEC)};
  if (!made)
    throw std::system_error{errno, std::generic_category(), "eventfd"};
  return made;
}

[[nodiscard]] bool is_readable(const io::fd& event) {
  pollfd asked{event.number(), POLLIN, 0};
  return ::poll(&asked, 1, 0) != 0;
}

/// Rewrites the terminal's line, unless the terminal takes no output (^S).
void show(const std::string& now) {
  if (pollfd terminal{STDERR_FILENO, POLLOUT, 0}; ::poll(&terminal, 1, 0) == 1)
    std::fprintf(stderr, "\r\033[K%s", now.c_str());
}

} // namespace

signal_guard::signal_guard() {
  const auto set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = io::fd{::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
  if (!signals_)
    throw std::system_error{errno, std::generic_category(), "signalfd"};
}

int signal_guard::wait(std::chrono::milliseconds timeout, int wakeup) const noexcept {
  std::array<pollfd, 2> sources{{{signals_.number(), POLLIN, 0}, {wakeup, POLLIN, 0}}};
  ::poll(sources.data(), sources.size(), static_cast<int>(timeout.count()));
  signalfd_siginfo info{};
  if (::read(signals_.number(), &info, sizeof info) != sizeof info)
    return 0;
  has_come_ = true;
  return static_cast<int>(info.ssi_signo);
}

signal_watch::signal_watch(const signal_guard& signals, std::function<void()> come)
    : stop_{make_event()}, thread_{[this, &signals, come = std::move(come)] {
        while (!is_readable(stop_))
          if (signals.wait(watch_every, stop_.number()) != 0)
            return come();
      }} {}

signal_watch::~signal_watch() noexcept {
  ::eventfd_write(stop_.number(), 1);
  thread_.join();
}

attendant::attendant(const signal_guard& signals, const actors::update& update, end_handler interrupt,
                     end_handler abandon)
    : stop_{make_event()} {
  thread_ = std::thread{[this, &signals, &update, interrupt = std::move(interrupt),
                         abandon = std::move(abandon)] { attend(signals, update, interrupt, abandon); }};
}

attendant::~attendant() noexcept {
  ::eventfd_write(stop_.number(), 1);
  thread_.join();
}

void attendant::attend(const signal_guard& signals, const actors::update& update,
                       const end_handler& interrupt, const end_handler& abandon) const {
  const bool on_terminal = ::isatty(STDERR_FILENO) == 1;
  const auto started = std::chrono::steady_clock::now();
  auto logged = started;
  bool interrupted = false;
  while (!is_readable(stop_)) {
    if (const int signal_number = signals.wait(look_every, stop_.number()); signal_number != 0) {
      const auto by = std::string{"interrupted by "} + (signal_number == SIGINT ? "SIGINT" : "SIGTERM");
      if (std::exchange(interrupted, true))
        abandon({actors::ec::interrupted, by + " twice: what the engines serve is not known"});
      else
        interrupt({actors::ec::interrupted, by});
    }
    const auto now = std::chrono::steady_clock::now();
    const auto seconds = std::chrono::duration<double>{now - started}.count();
    if (on_terminal) {
      show(describe_now(update, seconds));
    } else if (now - logged >= log_every) {
      logged = now;
      spdlog::info("{}", describe_now(update, seconds));
    }
  }
  if (on_terminal)
    show("");
}

std::string describe_progress(std::uint64_t done_bytes, std::uint64_t all_bytes, double seconds) {
  const auto rate = seconds > 0 ? static_cast<double>(done_bytes) / seconds : 0.0;
  std::string text = actors::describe_bytes(done_bytes) + " of " + actors::describe_bytes(all_bytes) + ", "
                     + actors::describe_bytes(static_cast<std::uint64_t>(rate)) + "/s";
  if (rate > 0 && done_bytes < all_bytes)
    text +=
        ", " + std::to_string(std::lround(static_cast<double>(all_bytes - done_bytes) / rate)) + " s left";
  return text;
}

} // namespace ckpt::apps
