// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// vLLM 0.32. Its engine core is one loop that handles what has arrived (new requests, pauses, updates)
// between two steps of the model. An update does not wait for running requests: it blocks the loop, and
// everything else with it, until it has ended.
//
// Source: vllm/v1/engine/core.py, vllm/v1/core/sched/scheduler.py, vllm/entrypoints/rl/online/api_router.py.

#include "apps/sink/request_gate.hpp"

#include <vector>

namespace ckpt::apps::sink {

class vllm_gate final : public request_gate {
public:
  explicit vllm_gate(boost::asio::io_context& io) : io_{io}, loop_{io} {}

  void admit(std::shared_ptr<generation> request) override;
  void ended(const generation& request) override;
  void pause(pause_mode mode, continuation done) override;
  void resume(continuation done) override;
  void ask_whether_paused(std::function<void(bool)> done) override;
  void update(continuation start) override;
  void update_ended() override;
  [[nodiscard]] bool can_flush_cache() const override { return true; }

private:
  enum class pausing : std::uint8_t {
    none,
    new_requests, ///< running ones go on
    all,
  };

  void run_all();
  void hold_all();
  void abort_all();
  void answer_pauses();
  [[nodiscard]] bool has_work() const;

  boost::asio::io_context& io_;
  turnstile loop_;
  pausing paused_ = pausing::none;
  bool is_updating_ = false;
  std::vector<std::shared_ptr<generation>> running_;
  std::vector<std::shared_ptr<generation>> queued_;
  std::vector<continuation> pauses_; ///< to be answered when there is no work
};

} // namespace ckpt::apps::sink
