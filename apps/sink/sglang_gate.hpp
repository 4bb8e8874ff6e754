// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// SGLang 0.5.23. Its server process has two locks, its scheduler a queue and a batch:
//
//   request ──> pause door ──> reader-writer lock (reads) ──> scheduler: queue, batch
//   update  ──> pause door ──┬ not paused: the same lock (writes) ──┬──> workers, one update at a time
//                            └ paused: keeps the door shut ─────────┘
//
// The door is a condition variable with its lock. Pausing and resuming take the lock; requests pass while the
// engine is not paused. An update of a paused engine holds the lock to its end, so pauses and resumes wait
// for it. A pause with abort holds the lock until nothing runs, an update under way included.
//
// Source: sglang/srt/managers/tokenizer_manager.py, tokenizer_control_mixin.py, scheduler.py,
// utils/aio_rwlock.py.

#include "apps/sink/request_gate.hpp"

#include <deque>
#include <vector>

namespace ckpt::apps::sink {

class sglang_gate final : public request_gate {
public:
  explicit sglang_gate(boost::asio::io_context& io);

  void admit(std::shared_ptr<generation> request) override;
  void ended(const generation& request) override;
  void pause(pause_mode mode, continuation done) override;
  void resume(continuation done) override;
  void ask_whether_paused(std::function<void(bool)> done) override;
  void update(continuation start) override;
  void update_ended() override;
  [[nodiscard]] bool can_flush_cache() const override;

private:
  /// A request that holds the reader's lock.
  struct scheduled {
    std::shared_ptr<generation> request;
    bool is_in_batch = false; ///< else in the scheduler's queue
  };

  void pass_door(const std::shared_ptr<generation>& request);
  void schedule(const std::shared_ptr<generation>& request);
  void start_on_workers(bool while_paused, continuation start);
  void pause_scheduler(pause_mode mode);
  void abort_all();
  void check_abort();

  turnstile door_lock_;
  turnstile workers_; ///< runs updates one after another, whichever lock let them through
  reader_writer_lock model_lock_;
  bool is_paused_ = false;        ///< no request passes the door
  bool scheduler_paused_ = false; ///< no request makes progress
  std::vector<std::shared_ptr<generation>> at_door_;
  std::vector<scheduled> scheduled_;
  continuation aborting_;             ///< set while a pause waits until nothing runs
  bool updates_while_paused_ = false; ///< which lock the update under way holds
};

} // namespace ckpt::apps::sink
