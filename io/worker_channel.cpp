// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/worker_channel.hpp"

#include "io/error.hpp"

#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

#include <zmq.hpp>

namespace ckpt::io {
namespace {

/// Longest answer that is taken: an agreement is empty, a traceback some kilobytes.
constexpr std::int64_t reply_bytes_max = 1 << 20;

/// How long closing waits for a last message (an abort) to leave for a worker that is there.
constexpr int linger_ms = 500;

} // namespace

struct worker_channel::sockets {
  zmq::context_t context{1};
  zmq::socket_t peer{context, zmq::socket_type::dealer};
  zmq::socket_t monitor{context, zmq::socket_type::pair};

  sockets() = default;
  sockets(const sockets&) = delete;
  sockets& operator=(const sockets&) = delete;

  /// Ends the events first: libzmq sends them blocking, and with their reader gone its I/O thread would wait
  /// for ever, and the end of the context with it.
  ~sockets() noexcept { zmq_socket_monitor(peer.handle(), nullptr, 0); }
};

worker_channel::worker_channel(std::string_view device_uuid, unsigned serial)
    : sockets_{std::make_unique<sockets>()}, address_{address_of(device_uuid, serial)} {
  constexpr auto monitor_address = "inproc://events";
  auto& peer = sockets_->peer;
  peer.set(zmq::sockopt::linger, linger_ms);
  peer.set(zmq::sockopt::maxmsgsize, reply_bytes_max);
  constexpr int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED;
  if (zmq_socket_monitor(peer.handle(), monitor_address, events) != 0)
    throw system_failure(zmq_errno(), "monitor", address_);
  sockets_->monitor.connect(monitor_address);
  if (zmq_bind(peer.handle(), address_.c_str()) != 0)
    throw system_failure(zmq_errno(), "bind", address_);
}

worker_channel::~worker_channel() noexcept = default;

std::string worker_channel::address_of(std::string_view device_uuid, unsigned serial) {
  return "ipc://@checkpoint-engine-" + std::string{device_uuid} + "-" + std::to_string(serial) + ".sock";
}

void worker_channel::send(std::string message) {
  unsent_.push_back(std::move(message));
  flush();
}

void worker_channel::forget_peer() noexcept {
  unsent_.clear();
  reply_.clear();
  peer_seen_ = peers_ > 0; // The next one may have come before the end of the last one was told.
}

void worker_channel::flush() {
  // The empty frame is what a REQ socket would put before each request. Once it has been taken, the second
  // frame of the same message goes the same way without waiting.
  auto& peer = sockets_->peer;
  while (!unsent_.empty()) {
    if (!peer.send(zmq::message_t{}, zmq::send_flags::sndmore | zmq::send_flags::dontwait))
      return;
    peer.send(zmq::buffer(unsent_.front()), zmq::send_flags::none);
    unsent_.pop_front();
  }
}

worker_channel::event worker_channel::wait(std::chrono::milliseconds timeout) {
  flush();
  auto& [context, peer, monitor] = *sockets_;
  const auto peer_events = static_cast<short>(unsent_.empty() ? ZMQ_POLLIN : ZMQ_POLLIN | ZMQ_POLLOUT);
  std::array<zmq::pollitem_t, 2> items{
      {{peer.handle(), 0, peer_events, 0}, {monitor.handle(), 0, ZMQ_POLLIN, 0}}};
  try {
    zmq::poll(items.data(), items.size(), timeout);
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR)
      return event::none;
    throw;
  }
  // Replies first: a worker that answered and then closed has answered.
  if (receive())
    return event::reply;
  const auto seen = read_monitor();
  flush();
  return seen;
}

bool worker_channel::receive() {
  auto& peer = sockets_->peer;
  zmq::message_t frame;
  if (!peer.recv(frame, zmq::recv_flags::dontwait))
    return false;
  // The first frame is the empty delimiter of the REP socket, the rest the reply.
  reply_.clear();
  for (bool more = frame.more(); more; more = frame.more()) {
    if (!peer.recv(frame, zmq::recv_flags::none))
      break;
    reply_.append(frame.to_string_view());
  }
  return true;
}

worker_channel::event worker_channel::read_monitor() {
  auto& monitor = sockets_->monitor;
  for (zmq::message_t frame; monitor.recv(frame, zmq::recv_flags::dontwait);) {
    std::uint16_t kind = 0;
    assert(frame.size() >= sizeof kind);
    std::memcpy(&kind, frame.data(), sizeof kind);
    while (frame.more())
      if (!monitor.recv(frame, zmq::recv_flags::none))
        break;
    if (kind == ZMQ_EVENT_DISCONNECTED && peers_ > 0) {
      --peers_;
      return event::peer_lost;
    }
    if (kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      peer_seen_ = true;
      if (++peers_ > 1)
        return event::second_peer;
    }
  }
  return event::none;
}

} // namespace ckpt::io
