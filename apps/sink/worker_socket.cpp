// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/worker_socket.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <thread>

namespace ckpt::apps::sink {
namespace {

using namespace std::chrono_literals;

/// Longest time after which a wait notices that the sink ends.
constexpr auto slice = 50ms;

/// How long a last message may stay on its way through the library after its sender has closed. Short,
/// because the next pusher is refused meanwhile.
constexpr auto grace = 10ms;

/// How long closing waits for the last reply to leave.
constexpr int linger_ms = 1000;

/// Longest message that is taken; the reader of pickles has the same limit.
constexpr std::int64_t message_bytes_max = 64 << 20;

} // namespace

worker_socket::worker_socket(zmq::context_t& context, std::optional<std::chrono::milliseconds> timeout,
                             const std::atomic<bool>& stop)
    : peer_{context, zmq::socket_type::rep}, monitor_{context, zmq::socket_type::pair}, timeout_{timeout},
      stop_{stop} {
  peer_.set(zmq::sockopt::linger, linger_ms);
  peer_.set(zmq::sockopt::maxmsgsize, message_bytes_max);
  // A name of its own for every monitor of the context.
  const auto events = "inproc://events-" + std::to_string(reinterpret_cast<std::uintptr_t>(peer_.handle()));
  if (zmq_socket_monitor(peer_.handle(), events.c_str(), ZMQ_EVENT_DISCONNECTED) != 0)
    throw zmq::error_t{};
  monitor_.connect(events);
}

worker_socket::~worker_socket() noexcept {
  // Ends the events first: libzmq sends them blocking, and with their reader gone the I/O thread that all
  // workers share would wait for ever.
  zmq_socket_monitor(peer_.handle(), nullptr, 0);
  // A reply for a pusher that has gone would be brought to the next one that has the address.
  if (gone_)
    peer_.set(zmq::sockopt::linger, 0);
}

worker_socket::clock::time_point worker_socket::deadline() const {
  return timeout_ ? clock::now() + *timeout_ : clock::time_point::max();
}

bool worker_socket::take(std::string& message) {
  zmq::message_t frame;
  if (!peer_.recv(frame, zmq::recv_flags::dontwait))
    return false;
  message = frame.to_string();
  if (frame.more())
    throw channel_closed{"the pusher sent a message of several frames"};
  return true;
}

bool worker_socket::pusher_is_gone() {
  zmq::message_t event;
  if (monitor_.recv(event, zmq::recv_flags::dontwait))
    gone_ = timeout_.has_value();
  while (event.more() && monitor_.recv(event, zmq::recv_flags::none)) {
  }
  return gone_;
}

std::string worker_socket::receive() {
  std::string message;
  const auto end = deadline();
  while (!take(message)) {
    if (gone_)
      throw channel_closed{"the pusher closed the weight channel"};
    if (stop_)
      throw channel_closed{"the sink ends"};
    if (clock::now() >= end)
      throw channel_closed{"the pusher sent nothing for " + std::to_string(timeout_->count()) + " ms"};
    std::array<zmq::pollitem_t, 2> items{
        {{peer_.handle(), 0, ZMQ_POLLIN, 0}, {monitor_.handle(), 0, ZMQ_POLLIN, 0}}};
    zmq::poll(items, slice);
    // A message sent before the pusher closed may still be on its way through the library: look once more.
    if (items[0].revents == 0 && pusher_is_gone())
      zmq::poll(items.data(), 1, grace);
  }
  return message;
}

void worker_socket::reply(std::string_view text) { peer_.send(zmq::buffer(text), zmq::send_flags::none); }

void worker_socket::wait_for_end() {
  const auto end = deadline();
  while (!stop_ && clock::now() < end && !pusher_is_gone())
    std::this_thread::sleep_for(slice);
}

void worker_socket::pause(std::chrono::nanoseconds duration) const {
  const auto end = clock::now() + duration;
  for (auto now = clock::now(); now < end; now = clock::now()) {
    if (stop_)
      throw channel_closed{"the sink ends"};
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(slice, end - now));
  }
}

} // namespace ckpt::apps::sink
