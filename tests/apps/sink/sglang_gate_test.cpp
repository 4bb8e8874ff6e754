// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/sglang_gate.hpp"

#include "tests/apps/sink/gate_fixture.hpp"

namespace ckpt::apps::sink {
namespace {

using sglang_gate_test = gate_fixture<sglang_gate>;

TEST_F(sglang_gate_test, lets_requests_run_side_by_side) {
  const auto first = request();
  const auto second = request();
  EXPECT_TRUE(first->is_running() && second->is_running());
  EXPECT_FALSE(gate_.can_flush_cache());
  end(*first);
  end(*second);
  EXPECT_TRUE(gate_.can_flush_cache());
}

TEST_F(sglang_gate_test, an_update_waits_for_running_requests_and_holds_up_new_ones) {
  const auto before = request();
  const auto started = update();
  const auto after = request();
  EXPECT_FALSE(started.is_set() || after->is_running());
  end(*before);
  EXPECT_TRUE(started.is_set());
  EXPECT_FALSE(after->is_running());
  end_update();
  EXPECT_TRUE(after->is_running());
}

TEST_F(sglang_gate_test, updates_come_one_after_another_before_requests) {
  const auto first = update();
  const auto waiting = request();
  const auto second = update();
  EXPECT_TRUE(first.is_set());
  EXPECT_FALSE(second.is_set());
  end_update();
  EXPECT_TRUE(second.is_set());
  EXPECT_FALSE(waiting->is_running());
  end_update();
  EXPECT_TRUE(waiting->is_running());
}

TEST_F(sglang_gate_test, a_paused_engine_takes_an_update_at_once_and_makes_no_progress) {
  for (const auto mode : {pause_mode::hold, pause_mode::retract}) {
    const auto running = request();
    EXPECT_TRUE(pause(mode).is_set());
    const auto fresh = request();
    EXPECT_FALSE(running->is_running() || fresh->is_running());
    EXPECT_TRUE(update().is_set());
    end_update();
    EXPECT_FALSE(running->is_running() || fresh->is_running());
    EXPECT_TRUE(resume().is_set());
    EXPECT_TRUE(running->is_running() && fresh->is_running());
    end(*running);
    end(*fresh);
  }
}

TEST_F(sglang_gate_test, the_cache_can_be_flushed_once_requests_are_retracted_but_not_in_place) {
  const auto running = request();
  pause(pause_mode::hold);
  EXPECT_FALSE(gate_.can_flush_cache());
  pause(pause_mode::retract);
  EXPECT_TRUE(gate_.can_flush_cache());
  resume();
  EXPECT_FALSE(gate_.can_flush_cache());
}

TEST_F(sglang_gate_test, nobody_pauses_or_resumes_during_an_update_of_a_paused_engine) {
  pause(pause_mode::retract);
  ASSERT_TRUE(update().is_set());
  const auto resumed = resume();
  const auto paused = pause(pause_mode::retract);
  const auto next = update();
  EXPECT_FALSE(resumed.is_set() || paused.is_set() || next.is_set());
  end_update();
  EXPECT_TRUE(resumed.is_set() && paused.is_set() && next.is_set()); // In the order in which they came.
  const auto fresh = request();
  end_update();
  EXPECT_FALSE(fresh->is_running());
}

TEST_F(sglang_gate_test, an_engine_can_be_paused_during_an_update_that_began_before) {
  ASSERT_TRUE(update().is_set());
  EXPECT_TRUE(pause(pause_mode::retract).is_set());
  const auto next = update();
  EXPECT_FALSE(next.is_set()); // The workers are busy.
  const auto resumed = resume();
  end_update();
  EXPECT_TRUE(next.is_set());
  EXPECT_FALSE(resumed.is_set());
  end_update();
  EXPECT_TRUE(resumed.is_set());
  EXPECT_TRUE(request()->is_running());
}

TEST_F(sglang_gate_test, abort_ends_running_requests_and_holds_up_new_ones) {
  const auto running = request();
  EXPECT_TRUE(pause(pause_mode::abort).is_set());
  EXPECT_TRUE(running->was_aborted());
  const auto fresh = request();
  EXPECT_FALSE(fresh->is_running() || fresh->was_aborted());
  EXPECT_TRUE(update().is_set());
  end_update();
  resume();
  EXPECT_TRUE(fresh->is_running());
}

TEST_F(sglang_gate_test, abort_frees_an_update_that_waits_and_is_answered_after_it) {
  const auto running = request();
  const auto started = update();
  const auto paused = pause(pause_mode::abort);
  EXPECT_TRUE(running->was_aborted());
  EXPECT_TRUE(started.is_set());
  EXPECT_FALSE(paused.is_set());
  end_update();
  EXPECT_TRUE(paused.is_set());
}

TEST_F(sglang_gate_test, abort_also_ends_requests_that_waited_behind_an_update) {
  ASSERT_TRUE(update().is_set());
  const auto behind = request();
  const auto paused = pause(pause_mode::abort);
  EXPECT_FALSE(behind->was_aborted());
  end_update();
  EXPECT_TRUE(behind->was_aborted());
  EXPECT_TRUE(paused.is_set());
}

TEST_F(sglang_gate_test, abort_reaches_retracted_requests_but_not_those_paused_in_place) {
  const auto retracted = request();
  pause(pause_mode::retract);
  EXPECT_TRUE(pause(pause_mode::abort).is_set());
  EXPECT_TRUE(retracted->was_aborted());
  resume();
  const auto in_place = request();
  pause(pause_mode::hold);
  const auto paused = pause(pause_mode::abort);
  EXPECT_FALSE(in_place->was_aborted() || paused.is_set());
  EXPECT_FALSE(resume().is_set()); // It waits for the pause, and that for a step that never comes.
  end(*in_place);
  EXPECT_TRUE(paused.is_set());
}

TEST_F(sglang_gate_test, forgets_requests_that_end_wherever_they_are) {
  const auto running = request();
  const auto started = update();
  const auto behind = request();
  end(*behind);
  end(*running);
  ASSERT_TRUE(started.is_set());
  end_update();
  pause(pause_mode::retract);
  const auto at_door = request();
  end(*at_door);
  resume();
  EXPECT_FALSE(behind->is_running() || at_door->is_running());
  EXPECT_TRUE(update().is_set()); // Nobody holds the lock.
}

TEST_F(sglang_gate_test, tells_whether_it_is_paused) {
  const auto is_paused = [&] {
    bool told = false;
    gate_.ask_whether_paused([&](bool is) { told = is; });
    settle();
    return told;
  };
  EXPECT_FALSE(is_paused());
  pause(pause_mode::hold);
  EXPECT_TRUE(is_paused());
  resume();
  EXPECT_FALSE(is_paused());
}

} // namespace
} // namespace ckpt::apps::sink
