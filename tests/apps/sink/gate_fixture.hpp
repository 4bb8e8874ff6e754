// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A gate without connections and timers: requests end when the test says so, and everything that a call has
// set off has happened when the call is over.

#include "apps/sink/request_gate.hpp"

#include <memory>
#include <utility>

#include <gtest/gtest.h>

namespace ckpt::apps::sink {

class hand_generation final : public generation {
public:
  explicit hand_generation(request_gate& gate) : gate_{gate} {}

  void run() override { is_running_ = true; }
  void hold() override { is_running_ = false; }
  void abort() override {
    was_aborted_ = true;
    end();
  }
  [[nodiscard]] bool has_ended() const override { return has_ended_; }

  /// It has all its tokens, or its client is gone.
  void end() {
    is_running_ = false;
    if (!std::exchange(has_ended_, true))
      gate_.ended(*this);
  }

  [[nodiscard]] bool is_running() const { return is_running_; }
  [[nodiscard]] bool was_aborted() const { return was_aborted_; }

private:
  request_gate& gate_;
  bool is_running_ = false;
  bool has_ended_ = false;
  bool was_aborted_ = false;
};

/// Something that is called once.
struct flag {
  std::shared_ptr<int> calls = std::make_shared<int>(0);
  void operator()() const { ++*calls; }
  [[nodiscard]] bool is_set() const { return *calls == 1; }
};

template <class Gate>
class gate_fixture : public testing::Test {
protected:
  std::shared_ptr<hand_generation> request() {
    auto made = std::make_shared<hand_generation>(gate_);
    gate_.admit(made);
    settle();
    return made;
  }

  flag update() {
    flag started;
    gate_.update(started);
    settle();
    return started;
  }

  flag pause(pause_mode mode) {
    flag answered;
    gate_.pause(mode, answered);
    settle();
    return answered;
  }

  flag resume() {
    flag answered;
    gate_.resume(answered);
    settle();
    return answered;
  }

  void end_update() {
    gate_.update_ended();
    settle();
  }

  void end(hand_generation& request) {
    request.end();
    settle();
  }

  void settle() {
    io_.restart();
    io_.poll();
  }

  boost::asio::io_context io_{1};
  Gate gate_{io_};
};

} // namespace ckpt::apps::sink
