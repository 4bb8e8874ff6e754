// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What a resident node knows of the engines of its hosts.

#include "apps/node/service/engine_states.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::apps {
namespace {

using actors::served_weights;
using testing::ElementsAre;
using testing::Pair;

/// Three hosts of two engines each, which have the same names on all of them.
class engine_states_test : public testing::Test {
protected:
  engine_states_test() {
    for (const auto* const name : {"host0, pid 1", "host1, pid 1", "host2, pid 1"})
      hosts_.push_back({true, true, name, {"http://a", "http://b"}});
  }

  /// An update of these hosts, after which their engines serve that, in order.
  void update(const engine_states::named_content& version, const std::vector<std::uint32_t>& took_part,
              const std::vector<served_weights>& serve) {
    actors::update_verdict verdict;
    for (const auto weights : serve)
      verdict.engines.emplace_back().serves = weights;
    states_.note(verdict, version, hosts_, {3, 0, 2, 1}, took_part);
  }

  engine_states::hosts hosts_;
  engine_states states_;
  const std::vector<served_weights> all_updated_ = std::vector(6, served_weights::updated);
};

TEST_F(engine_states_test, knows_who_serves_what_after_an_update_of_some_hosts) {
  EXPECT_FALSE(states_.is_served({"v1"}, hosts_)) << "nobody knows";
  update({"v1"}, {0, 1, 2}, all_updated_);
  EXPECT_TRUE(states_.is_served({"v1"}, hosts_));
  update(
      {"v2"}, {0, 2},
      {served_weights::updated, served_weights::updated, served_weights::updated, served_weights::unchanged});
  EXPECT_FALSE(states_.is_served({"v2"}, hosts_));
  EXPECT_TRUE(states_.is_served({"v2"}, hosts_, {{0, 0}, {0, 1}, {2, 0}}));
  EXPECT_TRUE(states_.is_served({"v1"}, hosts_, {{1, 0}, {1, 1}, {2, 1}}));
  EXPECT_FALSE(states_.is_served({""}, hosts_));
}

TEST_F(engine_states_test, counts_nobody_who_is_away) {
  update({"v1"}, {0, 1, 2}, all_updated_);
  update({"v2"}, {0, 1}, std::vector(4, served_weights::updated));
  EXPECT_FALSE(states_.is_served({"v2"}, hosts_));
  hosts_[2].is_here = false;
  EXPECT_TRUE(states_.is_served({"v2"}, hosts_));
}

TEST_F(engine_states_test, tells_content_apart_that_has_the_same_name) {
  update({"v2", 1}, {0, 1, 2}, all_updated_);
  update({"v2", 2}, {0, 1}, std::vector(4, served_weights::updated));
  EXPECT_FALSE(states_.is_served({"v2", 2}, hosts_));
  EXPECT_TRUE(states_.is_served({"v2", 2}, hosts_, {{0, 0}, {1, 1}}));
  EXPECT_FALSE(states_.is_served({"v2", 2}, hosts_, {{2, 0}}));
}

TEST_F(engine_states_test, takes_a_mix_for_no_version) {
  update({"v1"}, {0, 1, 2}, all_updated_);
  auto serve = all_updated_;
  serve[3] = served_weights::mixed;
  update({"v1"}, {0, 1, 2}, serve);
  EXPECT_FALSE(states_.is_served({"v1"}, hosts_));
  const auto described = states_.describe(hosts_);
  EXPECT_EQ(described.at(3).at("serves"), "mixed");
  EXPECT_TRUE(described.at(3).at("version").is_null());
  EXPECT_EQ(described.at(3).at("host"), 1);
}

TEST_F(engine_states_test, does_not_know_what_happened_while_another_process_was_there) {
  update({"v1"}, {0, 1, 2}, all_updated_);
  hosts_[1].name = "host1, pid 2";
  EXPECT_FALSE(states_.is_served({"v1"}, hosts_));
  EXPECT_EQ(states_.describe(hosts_).at(2).at("serves"), "unknown");
  EXPECT_EQ(states_.describe(hosts_).at(0).at("serves"), "updated");
}

TEST_F(engine_states_test, forgets_what_an_engine_served_that_was_started_again) {
  update({"v1"}, {0, 1, 2}, all_updated_);
  states_.forget({{2, 1}});
  EXPECT_FALSE(states_.is_served({"v1"}, hosts_, {{2, 1}}));
  EXPECT_TRUE(states_.is_served({"v1"}, hosts_, {{2, 0}}));
  EXPECT_FALSE(states_.is_whole({2, 1}, hosts_));
  EXPECT_TRUE(states_.is_whole({2, 0}, hosts_));
}

TEST_F(engine_states_test, finds_engines_by_name) {
  EXPECT_THAT(engine_states::find_all({"1@http://b", "0@http://a"}, hosts_),
              ElementsAre(Pair(1, 1), Pair(0, 0)));
  EXPECT_THROW(static_cast<void>(engine_states::find_all({"http://a"}, hosts_)), std::invalid_argument)
      << "there are three";
  EXPECT_THROW(static_cast<void>(engine_states::find_all({"3@http://a"}, hosts_)), std::invalid_argument);
  hosts_[1].endpoints = {"http://c"};
  EXPECT_THAT(engine_states::find_all({"http://c"}, hosts_), ElementsAre(Pair(1, 0)));
}

} // namespace
} // namespace ckpt::apps
