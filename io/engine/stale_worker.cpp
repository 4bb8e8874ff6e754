// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/engine/stale_worker.hpp"

#include <utility>

namespace ckpt::io {
namespace {

/// Time for a waiting worker to connect again: ZeroMQ tries every tenth of a second.
constexpr std::chrono::milliseconds reconnect_wait{1'000};

} // namespace

stale_worker::stale_worker(worker_channel& channel, std::string abort, std::chrono::milliseconds patience)
    : channel_{channel}, abort_{std::move(abort)}, patience_{patience}, deadline_{clock::now()
                                                                                  + reconnect_wait} {}

stale_worker::state stale_worker::look() {
  const auto event = channel_.wait(std::chrono::milliseconds{0});
  if (event == worker_channel::event::peer_lost) {
    channel_.forget_peer();
    return state::gone;
  }
  if (channel_.peer_seen() && !told_) {
    told_ = true;
    deadline_ = clock::now() + patience_;
    // It may wait for its buffer: then it reports the first abort as a bad buffer, and raises on the second.
    channel_.send(abort_);
    channel_.send(abort_);
  }
  if (clock::now() < deadline_)
    return state::looked_for;
  return told_ ? state::stays : state::gone;
}

} // namespace ckpt::io
