// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/network_thread.hpp"

#include "actors/cluster/message_lengths.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <future>
#include <string_view>
#include <system_error>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

namespace ckpt::actors {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using local = asio::local::stream_protocol;
using boost::system::error_code;

/// How long sent bytes may stay unacknowledged: longer than any --host-timeout that makes sense.
constexpr auto lost_peer_max = std::chrono::seconds{30};

/// How long a bridge with one ended side waits until the other side has taken all bytes.
constexpr auto linger_max = 1s;

constexpr std::size_t buffer_bytes = 64 << 10;

/// Of a message. The longest has the checksums of an engine's parameters: some 200 bytes for each, and of
/// each worker.
constexpr std::uint64_t payload_bytes_max = 64 << 20;

} // namespace

/// Owns a connection and this side of a socket pair. Pending operations own the bridge.
class network_thread::bridge_between : public std::enable_shared_from_this<bridge_between> {
public:
  bridge_between(std::unique_ptr<secured_stream> far, local::socket near)
      : far_{std::move(far)}, near_{std::move(near)}, linger_{near_.get_executor()} {}

  /// Calls `ended` once.
  void begin(std::function<void()> ended) {
    ended_ = std::move(ended);
    pump(*far_, near_, inward_, near_, [this](std::string_view bytes) { return lengths_.follow(bytes); });
    pump(near_, *far_, outward_, far_->socket(), [](std::string_view) { return true; });
  }

  void close() {
    error_code ignored;
    linger_.cancel();
    far_->close();
    near_.close(ignored);
    if (ended_)
      std::exchange(ended_, nullptr)();
  }

private:
  using buffer = std::array<char, buffer_bytes>;

  template <class From, class To, class Socket, class May>
  void pump(From& from, To& to, buffer& bytes, Socket& onward, May may_pass) {
    from.async_read_some(asio::buffer(bytes), [=, this, self = shared_from_this(), &from, &to, &bytes,
                                               &onward](error_code failed, std::size_t count) {
      if (failed)
        return end_of(onward);
      if (!may_pass({bytes.data(), count})) {
        spdlog::error("a connection between hosts is ended: a message of more than {} MiB was announced",
                      payload_bytes_max >> 20);
        return close();
      }
      asio::async_write(to, asio::buffer(bytes, count),
                        [=, this, &from, &to, &bytes, &onward](error_code broken, std::size_t) {
                          static_cast<void>(self);
                          if (broken)
                            return end_of(onward);
                          pump(from, to, bytes, onward, may_pass);
                        });
    });
  }

  /// Nothing goes to `onward` any more.
  template <class Socket>
  void end_of(Socket& onward) {
    error_code ignored; // It may have ended first.
    onward.shutdown(Socket::shutdown_send, ignored);
    if (++ways_ended_ == 2) {
      close();
      return;
    }
    linger_.expires_after(linger_max);
    linger_.async_wait([this, self = shared_from_this()](error_code cancelled) {
      if (!cancelled)
        close();
    });
  }

  std::unique_ptr<secured_stream> far_;
  local::socket near_;
  asio::steady_timer linger_;
  std::function<void()> ended_;
  int ways_ended_ = 0;
  message_lengths lengths_{payload_bytes_max}; ///< inward
  buffer inward_;
  buffer outward_;
};

network_thread::network_thread() : thread_{[this] { serve(); }} {}

network_thread::~network_thread() noexcept { finish(); }

void network_thread::serve() {
  // An exception in a handler, mostly for lack of memory, ends only the connection that it served: that host
  // is soon taken for lost.
  while (!io_.stopped())
    try {
      io_.run();
    } catch (const std::exception& error) {
      spdlog::error("a connection between hosts: {}", error.what());
    }
}

void network_thread::run(const std::function<void()>& work) {
  std::packaged_task<void()> task{work};
  auto done = task.get_future();
  asio::post(io_, std::ref(task));
  done.get();
}

io::fd network_thread::bridge(std::unique_ptr<secured_stream> stream) {
  // A connection whose other end vanished would stay for minutes, and take the place of a new one.
  const auto unacknowledged_max = static_cast<unsigned>(std::chrono::milliseconds{lost_peer_max}.count());
  ::setsockopt(stream->socket().native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_max,
               sizeof unacknowledged_max);
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::system_error{errno, std::generic_category(), "socketpair"};
  io::fd ours{ends[0]}, theirs{ends[1]};
  local::socket near{io_, local{}, ours.number()};
  static_cast<void>(ours.release());
  const auto made = std::make_shared<bridge_between>(std::move(stream), std::move(near));
  bridges_.insert(made);
  made->begin([this, which = std::weak_ptr{made}] {
    bridges_.erase(which.lock());
    stop_if_idle();
  });
  return theirs;
}

void network_thread::stop_if_idle() {
  if (is_finishing_ && bridges_.empty())
    io_.stop();
}

void network_thread::end_bridges_soon() {
  if (std::exchange(is_ending_, true))
    return;
  patience_.expires_after(linger_max);
  patience_.async_wait([this](error_code) {
    const auto left = bridges_; // They take themselves out.
    for (const auto& one : left)
      one->close();
  });
}

void network_thread::finish() noexcept {
  if (!thread_.joinable())
    return;
  asio::post(io_, [this] {
    is_finishing_ = true;
    end_bridges_soon();
    stop_if_idle();
  });
  thread_.join();
}

} // namespace ckpt::actors
