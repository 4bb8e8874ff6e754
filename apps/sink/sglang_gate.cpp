// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/sglang_gate.hpp"

#include <algorithm>
#include <utility>

namespace ckpt::apps::sink {

sglang_gate::sglang_gate(boost::asio::io_context& io)
    : door_lock_{io}, workers_{io}, model_lock_{io, [this] { check_abort(); }} {}

void sglang_gate::admit(std::shared_ptr<generation> request) {
  door_lock_.enter([this, request = std::move(request)] { pass_door(request); });
}

/// Called with the door's lock held.
void sglang_gate::pass_door(const std::shared_ptr<generation>& request) {
  if (is_paused_)
    at_door_.push_back(request);
  else
    model_lock_.read([this, request] { schedule(request); });
  door_lock_.leave();
}

/// Called with the reader's lock held. The request keeps it until it has ended.
void sglang_gate::schedule(const std::shared_ptr<generation>& request) {
  if (request->has_ended())
    return model_lock_.end_read();
  scheduled_.push_back({request, !scheduler_paused_});
  if (!scheduler_paused_)
    request->run();
}

void sglang_gate::ended(const generation& request) {
  const auto found = std::find_if(scheduled_.begin(), scheduled_.end(),
                                  [&](const scheduled& each) { return each.request.get() == &request; });
  if (found == scheduled_.end())
    return; // Not scheduled yet: dropped when its turn comes.
  scheduled_.erase(found);
  model_lock_.end_read();
}

void sglang_gate::pause(pause_mode mode, continuation done) {
  door_lock_.enter([this, mode, done = std::move(done)]() mutable {
    is_paused_ = true;
    if (mode == pause_mode::abort) {
      aborting_ = std::move(done);
      return check_abort();
    }
    pause_scheduler(mode);
    door_lock_.leave();
    done();
  });
}

void sglang_gate::pause_scheduler(pause_mode mode) {
  scheduler_paused_ = true;
  for (auto& each : scheduled_) {
    each.request->hold();
    if (mode == pause_mode::retract)
      each.is_in_batch = false;
  }
}

/// Leaves the batch of a paused scheduler as it is: its requests would end with the next step, and there is
/// none.
void sglang_gate::abort_all() {
  for (const auto& each : std::vector{scheduled_})
    if (!scheduler_paused_ || !each.is_in_batch)
      each.request->abort();
}

/// An update, or a request that got in just now, may hold the lock. So this is called whenever it is given
/// back.
void sglang_gate::check_abort() {
  if (!aborting_)
    return;
  abort_all();
  if (model_lock_.is_locked())
    return;
  const auto done = std::exchange(aborting_, nullptr);
  door_lock_.leave();
  done();
}

void sglang_gate::resume(continuation done) {
  door_lock_.enter([this, done = std::move(done)] {
    is_paused_ = false;
    scheduler_paused_ = false;
    for (auto& each : scheduled_) {
      each.is_in_batch = true;
      each.request->run();
    }
    // Each looks again when it has the lock, which others may get first.
    for (const auto& request : std::exchange(at_door_, {}))
      if (!request->has_ended())
        admit(request);
    door_lock_.leave();
    done();
  });
}

void sglang_gate::ask_whether_paused(std::function<void(bool)> done) { done(is_paused_); }

void sglang_gate::update(continuation start) {
  door_lock_.enter([this, start = std::move(start)] {
    if (is_paused_)
      return start_on_workers(true, start); // The lock stays shut.
    door_lock_.leave();
    model_lock_.write([this, start] { start_on_workers(false, start); });
  });
}

void sglang_gate::start_on_workers(bool while_paused, continuation start) {
  workers_.enter([this, while_paused, start = std::move(start)] {
    updates_while_paused_ = while_paused;
    start();
  });
}

void sglang_gate::update_ended() {
  const auto while_paused = updates_while_paused_;
  workers_.leave();
  if (while_paused)
    door_lock_.leave();
  else
    model_lock_.end_write();
}

bool sglang_gate::can_flush_cache() const {
  return std::none_of(scheduled_.begin(), scheduled_.end(),
                      [](const scheduled& each) { return each.is_in_batch; });
}

} // namespace ckpt::apps::sink
