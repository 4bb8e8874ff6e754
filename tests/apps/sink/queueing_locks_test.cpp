// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/queueing_locks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ckpt::apps::sink {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class queueing_locks_test : public testing::Test {
protected:
  /// Notes its name when it gets the lock.
  continuation noting(std::string name) {
    return [this, name = std::move(name)] { got_.push_back(name); };
  }

  /// Who has got the lock since the last call, in order.
  std::vector<std::string> got() {
    io_.restart();
    io_.poll();
    return std::exchange(got_, {});
  }

  boost::asio::io_context io_{1};
  std::vector<std::string> got_;
};

TEST_F(queueing_locks_test, turnstile_lets_one_in_at_a_time_in_order) {
  turnstile lock{io_};
  lock.enter(noting("a"));
  lock.enter(noting("b"));
  lock.enter(noting("c"));
  EXPECT_THAT(got(), ElementsAre("a"));
  lock.leave();
  EXPECT_THAT(got(), ElementsAre("b"));
  lock.leave();
  lock.enter(noting("d"));
  EXPECT_THAT(got(), ElementsAre("c"));
  lock.leave();
  EXPECT_THAT(got(), ElementsAre("d"));
  lock.leave();
  EXPECT_THAT(got(), IsEmpty());
  lock.enter(noting("e"));
  EXPECT_THAT(got(), ElementsAre("e"));
}

TEST_F(queueing_locks_test, nobody_gets_a_lock_inside_the_call_that_asks_for_it) {
  turnstile lock{io_};
  reader_writer_lock model{io_, [] {}};
  lock.enter(noting("a"));
  model.read(noting("b"));
  EXPECT_THAT(got_, IsEmpty());
  EXPECT_THAT(got(), ElementsAre("a", "b"));
}

TEST_F(queueing_locks_test, a_writer_waits_for_all_readers) {
  reader_writer_lock lock{io_, [] {}};
  lock.read(noting("reader 1"));
  lock.read(noting("reader 2"));
  lock.write(noting("writer"));
  EXPECT_THAT(got(), ElementsAre("reader 1", "reader 2"));
  lock.end_read();
  EXPECT_THAT(got(), IsEmpty());
  lock.end_read();
  EXPECT_THAT(got(), ElementsAre("writer"));
}

TEST_F(queueing_locks_test, a_writer_that_waits_holds_up_new_readers_and_other_writers_go_first) {
  reader_writer_lock lock{io_, [] {}};
  lock.read(noting("reader 1"));
  lock.write(noting("writer 1"));
  lock.read(noting("reader 2"));
  lock.write(noting("writer 2"));
  EXPECT_THAT(got(), ElementsAre("reader 1"));
  lock.end_read();
  EXPECT_THAT(got(), ElementsAre("writer 1"));
  lock.end_write();
  EXPECT_THAT(got(), ElementsAre("writer 2"));
  lock.read(noting("reader 3"));
  lock.end_write();
  EXPECT_THAT(got(), ElementsAre("reader 2", "reader 3"));
  EXPECT_TRUE(lock.is_locked());
}

TEST_F(queueing_locks_test, tells_when_the_lock_was_given_back) {
  reader_writer_lock lock{io_, noting("changed")};
  lock.read(noting("reader"));
  lock.read(noting("reader"));
  EXPECT_THAT(got(), ElementsAre("reader", "reader"));
  lock.end_read();
  EXPECT_THAT(got(), IsEmpty()); // Still locked.
  lock.end_read();
  EXPECT_THAT(got(), ElementsAre("changed"));
  lock.write(noting("writer"));
  EXPECT_THAT(got(), ElementsAre("writer"));
  lock.end_write();
  EXPECT_THAT(got(), ElementsAre("changed"));
  EXPECT_FALSE(lock.is_locked());
}

} // namespace
} // namespace ckpt::apps::sink
