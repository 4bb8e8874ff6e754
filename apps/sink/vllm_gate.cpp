// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/vllm_gate.hpp"

#include "apps/sink/sglang_gate.hpp"

#include <utility>

#include <boost/asio/post.hpp>

namespace ckpt::apps::sink {
namespace {

using requests = std::vector<std::shared_ptr<generation>>;

void remove(requests& from, const generation& request) {
  std::erase_if(from, [&](const auto& each) { return each.get() == &request; });
}

} // namespace

void vllm_gate::admit(std::shared_ptr<generation> request) {
  loop_.enter([this, request = std::move(request)] {
    if (!request->has_ended()) {
      queued_.push_back(request);
      run_all();
    }
    loop_.leave();
  });
}

void vllm_gate::ended(const generation& request) {
  remove(running_, request);
  remove(queued_, request);
  answer_pauses();
}

/// Runs all requests that may run.
void vllm_gate::run_all() {
  if (paused_ == pausing::all || is_updating_)
    return;
  if (paused_ == pausing::none)
    for (auto& request : std::exchange(queued_, {}))
      running_.push_back(std::move(request));
  for (const auto& request : running_)
    request->run();
}

void vllm_gate::hold_all() {
  for (const auto& request : running_)
    request->hold();
}

void vllm_gate::abort_all() {
  for (const auto& request : requests{running_})
    request->abort();
  for (const auto& request : requests{queued_})
    request->abort();
}

void vllm_gate::pause(pause_mode mode, continuation done) {
  loop_.enter([this, mode, done = std::move(done)]() mutable {
    if (mode == pause_mode::abort)
      abort_all();
    paused_ = mode == pause_mode::hold ? pausing::all : pausing::new_requests;
    if (paused_ == pausing::all)
      hold_all();
    run_all(); // A pause that drains lets those run that an earlier one froze.
    pauses_.push_back(std::move(done));
    answer_pauses();
    loop_.leave();
  });
}

bool vllm_gate::has_work() const {
  switch (paused_) {
  case pausing::all:
    return false;
  case pausing::new_requests:
    return !running_.empty();
  case pausing::none:
    break;
  }
  return !running_.empty() || !queued_.empty();
}

void vllm_gate::answer_pauses() {
  if (has_work())
    return;
  for (auto& done : std::exchange(pauses_, {}))
    boost::asio::post(io_, std::move(done));
}

void vllm_gate::resume(continuation done) {
  loop_.enter([this, done = std::move(done)] {
    paused_ = pausing::none;
    run_all();
    loop_.leave();
    done();
  });
}

void vllm_gate::ask_whether_paused(std::function<void(bool)> done) {
  loop_.enter([this, done = std::move(done)] {
    loop_.leave();
    done(paused_ != pausing::none);
  });
}

void vllm_gate::update(continuation start) {
  loop_.enter([this, start = std::move(start)] {
    is_updating_ = true;
    hold_all();
    start();
  });
}

void vllm_gate::update_ended() {
  is_updating_ = false;
  run_all();
  loop_.leave();
}

std::unique_ptr<request_gate> make_request_gate(io::engine_kind engine, boost::asio::io_context& io) {
  if (engine == io::engine_kind::sglang)
    return std::make_unique<sglang_gate>(io);
  return std::make_unique<vllm_gate>(io);
}

} // namespace ckpt::apps::sink
