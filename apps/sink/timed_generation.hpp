// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A request for tokens that takes as long as its client asked, not counting the time in which it is held. It
// lives as long as the gate, its timer or the gate's waiting functions hold it; everything happens on the
// thread that runs the io_context.

#include "apps/sink/dialect.hpp"
#include "apps/sink/request_gate.hpp"

#include <chrono>
#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace ckpt::apps::sink {

/// How the request is answered when it ends.
struct generation_answers {
  answer complete;
  answer aborted;
};

class timed_generation final : public generation, public std::enable_shared_from_this<timed_generation> {
public:
  /// `gate` outlives it.
  timed_generation(boost::asio::io_context& io, request_gate& gate, std::chrono::nanoseconds length,
                   generation_answers answers, std::shared_ptr<exchange> waiting);

  /// Admits it to the gate. It ends when the client goes away.
  void start();

  void run() override;
  void hold() override;
  void abort() override { end(&answers_.aborted); }
  [[nodiscard]] bool has_ended() const override { return has_ended_; }

private:
  using clock = std::chrono::steady_clock;

  void end(const answer* reply);

  request_gate& gate_;
  boost::asio::steady_timer timer_;
  std::chrono::nanoseconds left_;
  bool is_running_ = false;
  bool has_ended_ = false;
  generation_answers answers_;
  std::shared_ptr<exchange> waiting_;
};

} // namespace ckpt::apps::sink
