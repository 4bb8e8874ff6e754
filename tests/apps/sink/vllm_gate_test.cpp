// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/vllm_gate.hpp"

#include "tests/apps/sink/gate_fixture.hpp"

#include <optional>

namespace ckpt::apps::sink {
namespace {

class vllm_gate_test : public gate_fixture<vllm_gate> {
protected:
  /// Nothing when it does not answer now.
  std::optional<bool> is_paused() {
    const auto told = std::make_shared<std::optional<bool>>();
    gate_.ask_whether_paused([told](bool is) { *told = is; });
    settle();
    return *told;
  }
};

TEST_F(vllm_gate_test, an_update_waits_for_nobody_and_holds_up_everybody) {
  const auto running = request();
  EXPECT_TRUE(update().is_set());
  EXPECT_FALSE(running->is_running());
  const auto fresh = request();
  EXPECT_FALSE(fresh->is_running());
  EXPECT_EQ(is_paused(), std::nullopt);
  const auto next = update();
  EXPECT_FALSE(next.is_set());
  end_update();
  EXPECT_TRUE(next.is_set());
  EXPECT_FALSE(running->is_running());
  end_update();
  EXPECT_TRUE(running->is_running() && fresh->is_running());
}

TEST_F(vllm_gate_test, keep_freezes_requests_until_they_are_resumed) {
  const auto running = request();
  EXPECT_TRUE(pause(pause_mode::hold).is_set());
  EXPECT_EQ(is_paused(), true);
  const auto fresh = request();
  EXPECT_FALSE(running->is_running() || fresh->is_running());
  EXPECT_TRUE(update().is_set());
  end_update();
  EXPECT_FALSE(running->is_running() || fresh->is_running());
  EXPECT_TRUE(resume().is_set());
  EXPECT_TRUE(running->is_running() && fresh->is_running());
  EXPECT_EQ(is_paused(), false);
}

TEST_F(vllm_gate_test, abort_ends_requests_and_queues_new_ones) {
  const auto running = request();
  EXPECT_TRUE(pause(pause_mode::abort).is_set());
  EXPECT_TRUE(running->was_aborted());
  const auto fresh = request();
  EXPECT_FALSE(fresh->is_running() || fresh->was_aborted());
  EXPECT_TRUE(pause(pause_mode::abort).is_set());
  EXPECT_TRUE(fresh->was_aborted()); // Those in the queue end, too.
}

TEST_F(vllm_gate_test, wait_is_answered_when_the_last_running_request_has_ended) {
  const auto first = request();
  const auto second = request();
  const auto paused = pause(pause_mode::drain);
  const auto fresh = request();
  EXPECT_TRUE(first->is_running() && second->is_running());
  EXPECT_FALSE(fresh->is_running() || paused.is_set());
  EXPECT_EQ(is_paused(), true); // From the beginning.
  end(*first);
  EXPECT_FALSE(paused.is_set());
  end(*second);
  EXPECT_TRUE(paused.is_set());
  EXPECT_FALSE(fresh->is_running());
  resume();
  EXPECT_TRUE(fresh->is_running());
}

TEST_F(vllm_gate_test, wait_lets_frozen_requests_run_to_their_end) {
  const auto running = request();
  pause(pause_mode::hold);
  const auto paused = pause(pause_mode::drain);
  EXPECT_TRUE(running->is_running());
  EXPECT_FALSE(paused.is_set());
  end(*running);
  EXPECT_TRUE(paused.is_set());
}

TEST_F(vllm_gate_test, keep_answers_a_pause_that_still_waits) {
  const auto running = request();
  const auto drained = pause(pause_mode::drain);
  EXPECT_TRUE(pause(pause_mode::hold).is_set());
  EXPECT_TRUE(drained.is_set());
  EXPECT_FALSE(running->is_running());
}

TEST_F(vllm_gate_test, pauses_and_resumes_wait_for_an_update_under_way) {
  ASSERT_TRUE(update().is_set());
  const auto paused = pause(pause_mode::hold);
  const auto resumed = resume();
  EXPECT_FALSE(paused.is_set() || resumed.is_set());
  end_update();
  EXPECT_TRUE(paused.is_set() && resumed.is_set());
}

TEST_F(vllm_gate_test, forgets_requests_that_end_wherever_they_are) {
  ASSERT_TRUE(update().is_set());
  const auto on_its_way = request();
  end(*on_its_way);
  end_update();
  pause(pause_mode::hold);
  const auto queued = request();
  end(*queued);
  resume();
  EXPECT_FALSE(on_its_way->is_running() || queued->is_running());
  EXPECT_TRUE(pause(pause_mode::drain).is_set());
}

} // namespace
} // namespace ckpt::apps::sink
