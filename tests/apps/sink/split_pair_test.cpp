// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Workers of models that take some tensors together, and pushers that tear those apart.

#include "apps/sink/worker.hpp"
#include "io/engine/pickle_writer.hpp"
#include "tests/apps/sink/harness.hpp"

#include <fstream>
#include <future>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::apps::sink {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using tests::list_message;

class split_pair_test : public testing::Test {
protected:
  void start(consumption how) {
    options_.consume = how;
    pusher_.emplace();
    outcome_ = std::async(std::launch::async, [this, how] {
      consumer work{how};
      worker one{options_, {}, work, std::make_shared<const expectation>(source_.path()), signals_};
      return one.run(context_, "GPU-0", pusher_->address());
    });
    EXPECT_EQ(pusher_->ask(io::pickle_file_handle(source_.buffer_path(), source_.buffer_bytes())), "");
  }

  /// A list of the tensors with these numbers; no worker complains about one.
  void push(const std::vector<std::size_t>& numbers) {
    std::vector<tests::sample_tensor> tensors;
    for (const auto number : numbers)
      tensors.push_back(source_.tensors().at(number));
    EXPECT_EQ(pusher_->ask(list_message(tensors)), "");
  }

  /// What a pusher does that fills a slot anew whose list has been answered.
  void overwrite(std::size_t number) {
    std::fstream file{source_.directory().path() / "buffer", std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(static_cast<std::streamoff>(source_.tensors().at(number).offset));
    file.put('\xee');
  }

  worker_outcome end() {
    EXPECT_EQ(pusher_->ask(io::pickle_none()), "");
    pusher_->send(io::pickle_none());
    return outcome_.get();
  }

  tests::sample_checkpoint source_{
      {"layers.0.self_attn.indexer.wk.weight", "layers.0.self_attn.o_proj.weight",
       "layers.0.self_attn.indexer.wk.weight_scale_inv", "layers.0.self_attn.q_a_proj.weight",
       "layers.0.self_attn.kv_a_proj_with_mqa.weight"}};
  std::optional<tests::hand_pusher> pusher_;
  sink_options options_;
  update_signals signals_{.list_answered = [](std::uint64_t) {}};
  zmq::context_t context_{1};
  std::future<worker_outcome> outcome_;
};

TEST_F(split_pair_test, whole_pairs_are_verified_whatever_the_worker_does_with_them) {
  for (const auto how : {consumption::fuse, consumption::held_views}) {
    start(how);
    push({2, 0, 1});
    push({3, 4});
    const auto outcome = end();
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.verified, true);
  }
}

TEST_F(split_pair_test, nothing_is_wrong_with_split_pairs_where_each_tensor_is_taken_alone) {
  start(consumption::copy);
  for (const std::size_t number : {0, 1, 2, 3, 4})
    push({number});
  EXPECT_EQ(end().verified, true);
}

TEST_F(split_pair_test, a_half_that_comes_without_the_other_is_lost_where_they_are_fused) {
  start(consumption::fuse);
  push({0, 1, 2, 3});
  push({4});
  const auto outcome = end();
  EXPECT_EQ(outcome.verified, false);
  EXPECT_THAT(outcome.error, AllOf(HasSubstr("\"layers.0.self_attn.q_a_proj.weight\" came without "
                                             "\"layers.0.self_attn.kv_a_proj_with_mqa.weight\" in its list"),
                                   HasSubstr("\"layers.0.self_attn.kv_a_proj_with_mqa.weight\" came without"),
                                   testing::Not(HasSubstr("indexer"))));
}

TEST_F(split_pair_test, a_held_view_shows_what_lies_there_when_the_other_half_comes) {
  start(consumption::held_views);
  push({0, 1});
  overwrite(0);
  push({2, 3});
  push({4});
  const auto outcome = end();
  EXPECT_EQ(outcome.verified, false);
  EXPECT_THAT(outcome.error,
              AllOf(HasSubstr("indexer.wk.weight\" was read only when"),
                    HasSubstr("other bytes lay in its place"), testing::Not(HasSubstr("q_a_proj"))));
}

TEST_F(split_pair_test, a_held_view_that_is_right_by_luck_fails_too) {
  start(consumption::held_views);
  push({2, 3, 4});
  push({0, 1});
  const auto outcome = end();
  EXPECT_EQ(outcome.verified, false);
  EXPECT_THAT(outcome.error,
              AllOf(HasSubstr("weight_scale_inv\" was read only when"), HasSubstr("by luck alone")));
}

} // namespace
} // namespace ckpt::apps::sink
