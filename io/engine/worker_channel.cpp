// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/engine/worker_channel.hpp"

#include "io/engine/abstract_socket.hpp"
#include "io/error.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

namespace ckpt::io {
namespace {

using namespace std::chrono_literals;

/// Connections that have not greeted yet: their number, and their time. When all places are taken, they have
/// only the time that a worker needs.
constexpr std::size_t strangers_max = 16;
constexpr auto greeting_time = 5s;
constexpr auto greeting_time_when_full = 100ms;

/// The worker in use, and those that wait for its place.
constexpr std::size_t workers_max = 4;

constexpr int backlog = 64;

/// Pause after accept() has failed, usually for a lack of descriptors.
constexpr auto accept_pause = 100ms;

constexpr std::size_t bytes_at_once = 64 << 10;

[[nodiscard]] std::string socket_name(std::string_view device_uuid, unsigned serial) {
  return "checkpoint-engine-" + std::string{device_uuid} + "-" + std::to_string(serial) + ".sock";
}

/// The process that holds an address that is taken, for the message.
[[nodiscard]] std::string describe_holder(const abstract_address& address) {
  const auto who = holder_of(address);
  return who ? ", held by " + describe(*who) : std::string{};
}

/// Root may run engines as any user.
[[nodiscard]] bool is_let_in(uid_t user) noexcept { return ::geteuid() == 0 || is_trusted(user); }

} // namespace

worker_channel::worker_channel(std::string_view device_uuid, unsigned serial)
    : address_{address_of(device_uuid, serial)}, listener_{::socket(
                                                     AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                                     0)} {
  if (!listener_)
    throw system_failure(errno, "socket for", address_);
  const abstract_address where{socket_name(device_uuid, serial)};
  if (::bind(listener_.number(), where.get(), where.length) != 0) {
    const auto why = errno;
    throw system_failure(why, "bind",
                         address_ + (why == EADDRINUSE ? describe_holder(where) : std::string{}));
  }
  if (::listen(listener_.number(), backlog) != 0)
    throw system_failure(errno, "listen", address_);
}

std::string worker_channel::address_of(std::string_view device_uuid, unsigned serial) {
  return "ipc://@" + socket_name(device_uuid, serial);
}

void worker_channel::send(std::string message) {
  unsent_.push_back(std::move(message));
  flush();
}

std::string worker_channel::peer_name() const {
  return workers_.empty() ? std::string{} : describe(credentials_of(workers_.front().socket.number()));
}

void worker_channel::forget_peer() noexcept {
  unsent_.clear();
  reply_.clear();
  peer_seen_ = !workers_.empty(); // The next one may have connected before the loss was reported.
}

worker_channel::event worker_channel::wait(std::chrono::milliseconds timeout) {
  flush();
  if (const auto seen = next_event(); seen != event::none)
    return seen;
  // In this order: the listener, the strangers, the workers.
  std::vector<pollfd> items;
  const bool listens = strangers_.size() < strangers_max && clock::now() >= accept_again_;
  items.push_back({listens ? listener_.number() : -1, POLLIN, 0});
  for (const auto& one : strangers_)
    items.push_back({one.socket.number(), POLLIN, 0});
  for (const auto& one : workers_) { // Those behind the first only matter when they leave.
    const auto wanted = &one != &workers_.front()         ? POLLRDHUP
                        : one.session.unwritten().empty() ? POLLIN
                                                          : POLLIN | POLLOUT;
    items.push_back({one.socket.number(), static_cast<short>(wanted), 0});
  }
  if (::poll(items.data(), items.size(), static_cast<int>(timeout.count())) < 0 && errno != EINTR)
    throw system_failure(errno, "poll", address_);
  drop_second_workers_that_left(std::span{items}.last(workers_.size()));
  hear_worker();
  greet_strangers();
  if (listens)
    accept_strangers();
  flush();
  return next_event();
}

void worker_channel::accept_strangers() {
  for (int taken = 0; taken < backlog && strangers_.size() < strangers_max; ++taken) {
    fd socket{::accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!socket) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        accept_again_ = clock::now() + accept_pause;
      return;
    }
    const auto who = credentials_of(socket.number());
    if (is_let_in(who.uid))
      strangers_.push_back({std::move(socket), {}, clock::now()});
    else if (refused_.empty())
      refused_ = describe(who);
  }
}

void worker_channel::greet_strangers() {
  for (auto one = strangers_.begin(); one != strangers_.end();) {
    try {
      take_bytes(*one);
    } catch (const zmtp_error&) {
      one->socket.reset(); // It is no worker.
    }
    if (one->socket && one->session.is_open()) {
      second_peer_came_ = second_peer_came_ || !workers_.empty();
      peer_seen_ = true;
      if (workers_.size() < workers_max)
        workers_.push_back(std::move(*one));
      one->socket.reset();
    }
    const auto patience = strangers_.size() == strangers_max ? greeting_time_when_full : greeting_time;
    const bool is_over = !one->socket || clock::now() - one->since > patience;
    one = is_over ? strangers_.erase(one) : one + 1;
  }
}

/// Reads and writes as much as is possible without waiting. Closes the socket when the other side has.
void worker_channel::take_bytes(peer& one) {
  std::array<char, bytes_at_once> bytes;
  const auto count = ::recv(one.socket.number(), bytes.data(), bytes.size(), 0);
  if (count > 0)
    one.session.receive({bytes.data(), static_cast<std::size_t>(count)});
  else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
    one.socket.reset();
    return;
  }
  while (!one.session.unwritten().empty()) {
    const auto waiting = one.session.unwritten();
    const auto written = ::send(one.socket.number(), waiting.data(), waiting.size(), MSG_NOSIGNAL);
    if (written < 0)
      return; // Full, or closed: the next read tells.
    one.session.written(static_cast<std::size_t>(written));
  }
}

/// True when the worker has replied without being asked. Such a reply does not count.
bool worker_channel::babbles(peer& worker) {
  if (worker.session.replies().size() <= missing_replies_)
    return false;
  worker.session.replies().clear();
  babble_ = "said what it was not asked for";
  babbled_ = true;
  return true;
}

/// Reads no further than the next reply: a worker that answered and then closed has answered.
void worker_channel::hear_worker() {
  if (workers_.empty())
    return;
  auto& worker = workers_.front();
  if (babbles(worker) || !worker.session.replies().empty())
    return;
  try {
    take_bytes(worker);
    static_cast<void>(babbles(worker));
  } catch (const zmtp_error& error) {
    babble_ = std::string{"sent "} + error.what();
    babbled_ = true;
    worker.socket.reset();
  }
  if (worker.socket)
    return;
  workers_.pop_front();
  missing_replies_ = 0;
  peer_lost_ = true;
}

void worker_channel::drop_second_workers_that_left(std::span<const pollfd> seen) {
  for (auto number = seen.size(); number-- > 1;)
    if ((seen[number].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
      workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(number));
}

/// The next event that has not been reported.
worker_channel::event worker_channel::next_event() {
  if (std::exchange(babbled_, false))
    return event::babble;
  if (!workers_.empty() && missing_replies_ > 0 && !workers_.front().session.replies().empty()) {
    auto& replies = workers_.front().session.replies();
    reply_ = std::move(replies.front());
    replies.pop_front();
    --missing_replies_;
    return event::reply;
  }
  if (std::exchange(peer_lost_, false))
    return event::peer_lost;
  if (std::exchange(second_peer_came_, false))
    return event::second_peer;
  return event::none;
}

void worker_channel::flush() {
  if (unsent_.empty() || workers_.empty())
    return;
  hear_worker(); // A reply that comes before the next message is no answer to it.
  if (workers_.empty())
    return;
  auto& worker = workers_.front();
  for (; !unsent_.empty(); unsent_.pop_front()) {
    worker.session.send(unsent_.front());
    ++missing_replies_;
  }
  hear_worker();
}

} // namespace ckpt::io
