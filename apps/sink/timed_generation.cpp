// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/timed_generation.hpp"

#include <algorithm>
#include <utility>

namespace ckpt::apps::sink {

timed_generation::timed_generation(boost::asio::io_context& io, request_gate& gate,
                                   std::chrono::nanoseconds length, generation_answers answers,
                                   std::shared_ptr<exchange> waiting)
    : gate_{gate}, timer_{io}, left_{length}, answers_{std::move(answers)}, waiting_{std::move(waiting)} {}

void timed_generation::start() {
  waiting_->client_gone = [weak = weak_from_this()] {
    if (const auto self = weak.lock())
      self->end(nullptr);
  };
  gate_.admit(shared_from_this());
}

void timed_generation::run() {
  if (has_ended_ || std::exchange(is_running_, true))
    return;
  timer_.expires_after(left_);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    // Held, and perhaps run again, in the moment in which the time was over: nothing was left to cancel.
    if (!error && self->is_running_ && self->timer_.expiry() <= clock::now())
      self->end(&self->answers_.complete);
  });
}

void timed_generation::hold() {
  if (!std::exchange(is_running_, false))
    return;
  left_ = std::max<std::chrono::nanoseconds>(timer_.expiry() - clock::now(), {});
  timer_.cancel();
}

void timed_generation::end(const answer* reply) {
  if (std::exchange(has_ended_, true))
    return;
  is_running_ = false;
  timer_.cancel();
  const auto self = shared_from_this(); // The gate may let go of it.
  gate_.ended(*this);
  if (reply != nullptr)
    waiting_->respond(*reply);
  waiting_.reset();
}

} // namespace ckpt::apps::sink
