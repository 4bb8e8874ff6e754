// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The roster with members that the test plays: who is one of the cluster, and how an order ends.

#include "actors/cluster/roster.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto patience = 20s;

struct membership_config : caf::actor_system_config {
  membership_config() {
    add_message_types<caf::id_block::ckpt_actors>();
    add_message_types<caf::id_block::ckpt_cluster>();
    add_message_types<caf::id_block::ckpt_membership>();
  }
};

[[nodiscard]] join_request host_number(std::uint32_t host, std::uint32_t hosts = 3) {
  join_request who;
  who.host = host;
  who.hosts = hosts;
  who.name = "node" + std::to_string(host);
  who.endpoints = {"http://127.0.0.1:30000"};
  return who;
}

class roster_test : public testing::Test {
protected:
  roster_test() {
    roster_options options{{3, 0, 1, 1}, 3'000ms, host_number(0), {}, {}};
    options.changed = [this](const std::vector<known_host>& hosts) {
      const std::lock_guard lock{mutex_};
      hosts_ = hosts;
    };
    options.asked = [](const forwarded_call& call, const member_actor& whom) {
      caf::anon_send(whom, forwarded_answer{call.number, 200, call.body, "text/plain"});
    };
    roster_ = system_.spawn(roster, std::move(options));
  }

  ~roster_test() override { caf::anon_send_exit(roster_, caf::exit_reason::kill); }

  [[nodiscard]] enrolled enrol(caf::scoped_actor& as, const join_request& who) {
    enrolled answer;
    as->request(roster_, patience, enrolment{who})
        .receive([&](const enrolled& told) { answer = told; },
                 [](const caf::error&) { ADD_FAILURE() << "no answer"; });
    return answer;
  }

  [[nodiscard]] bool is_here(std::uint32_t host) {
    const std::lock_guard lock{mutex_};
    return hosts_.size() == 3 && hosts_[host].is_here;
  }

  [[nodiscard]] bool leaves(std::uint32_t host) {
    for (const auto end = std::chrono::steady_clock::now() + patience; std::chrono::steady_clock::now() < end;
         std::this_thread::sleep_for(10ms))
      if (!is_here(host))
        return true;
    return false;
  }

  /// What a member is sent next, but for the heartbeat.
  template <class Message>
  [[nodiscard]] Message next(caf::scoped_actor& member) {
    Message got;
    bool is_over = false;
    member->receive_while([&] { return !is_over; })(
        [&](const Message& message) {
          got = message;
          is_over = true;
        },
        [](alive_atom) {},
        caf::after(patience) >>
            [&] {
              ADD_FAILURE() << "nothing came";
              is_over = true;
            });
    return got;
  }

  [[nodiscard]] order_outcome outcome(caf::scoped_actor& self) {
    order_outcome result;
    self->receive([&](const order_outcome& ended) { result = ended; },
                  caf::after(patience) >> [] { ADD_FAILURE() << "the order does not end"; });
    return result;
  }

  std::mutex mutex_; ///< guards what follows; both outlive the roster
  std::vector<known_host> hosts_;
  membership_config config_;
  caf::actor_system system_{config_};
  roster_actor roster_;
};

TEST_F(roster_test, passes_an_order_on_and_says_how_it_ended) {
  caf::scoped_actor one{system_}, two{system_}, self{system_};
  EXPECT_EQ(enrol(one, host_number(1)).failed.code, ec::none);
  EXPECT_EQ(enrol(two, host_number(2)).failed.code, ec::none);
  self->send(roster_, prepare_order{7, "v1", 1, "/checkpoint", {0, 1, 2}, {}});
  EXPECT_EQ(next<prepare_order>(one).version, "v1");
  EXPECT_EQ(next<prepare_order>(two).hosts, (std::vector<std::uint32_t>{0, 1, 2}));
  one->send(roster_, order_done{6, {ec::unspecified, "of another order"}});
  one->send(roster_, order_done{7, {}});
  one->send(roster_, order_done{7, {ec::unspecified, "said twice"}});
  two->send(roster_, order_done{7, {ec::checkpoint_invalid, "no such file"}});
  const auto ended = outcome(self);
  EXPECT_EQ(ended.failed.code, ec::checkpoint_invalid);
  EXPECT_EQ(ended.failed.what, "host 2 (node2): no such file");
  EXPECT_TRUE(ended.lost.empty());
}

TEST_F(roster_test, does_not_wait_for_a_host_that_leaves_or_is_not_there) {
  caf::scoped_actor self{system_};
  {
    caf::scoped_actor one{system_};
    EXPECT_EQ(enrol(one, host_number(1)).failed.code, ec::none);
    self->send(roster_, prepare_order{1, "v1", 1, "/checkpoint", {0, 1, 2}, {}});
    EXPECT_EQ(next<prepare_order>(one).number, 1u);
  }
  EXPECT_THAT(outcome(self).lost, testing::UnorderedElementsAre(1u, 2u));
  EXPECT_TRUE(leaves(1));
}

TEST_F(roster_test, gives_up_who_does_not_come_to_an_end) {
  caf::scoped_actor one{system_}, self{system_};
  EXPECT_EQ(enrol(one, host_number(1)).failed.code, ec::none);
  self->send(roster_, prepare_order{8, "v1", 1, "/checkpoint", {0, 1}, {}});
  self->send(roster_, abandon_atom_v, std::uint64_t{7}); // Of another order.
  self->send(roster_, abandon_atom_v, std::uint64_t{8});
  EXPECT_THAT(outcome(self).lost, ElementsAre(1u));
  EXPECT_TRUE(is_here(1));
}

TEST_F(roster_test, obeys_nobody_who_does_not_say_who_he_is) {
  caf::scoped_actor one{system_}, self{system_};
  EXPECT_EQ(enrol(one, host_number(1)).failed.code, ec::none);
  self->send(roster_, prepare_order{9, "v1", 1, "/checkpoint", {0, 1}, {}});
  EXPECT_EQ(next<prepare_order>(one).number, 9u);
  caf::anon_send(roster_, abandon_atom_v, std::uint64_t{9});
  caf::anon_send(roster_, stop_order{9});
  caf::anon_send(roster_, drop_order{"v1"});
  self->send(roster_, drop_order{"v0"});
  EXPECT_EQ(next<drop_order>(one).version, "v0");
  one->send(roster_, order_done{9, {}});
  EXPECT_TRUE(outcome(self).lost.empty());
}

TEST_F(roster_test, takes_a_silent_host_for_gone_and_tells_it_so_when_it_speaks_again) {
  caf::scoped_actor one{system_};
  EXPECT_EQ(enrol(one, host_number(1)).failed.code, ec::none);
  EXPECT_TRUE(leaves(1));
  one->send(roster_, alive_atom_v);
  bool is_told = false;
  one->receive_while([&] { return !is_told; })([&](estranged_atom) { is_told = true; }, [](alive_atom) {},
                                               caf::after(patience) >>
                                                   [&] {
                                                     ADD_FAILURE() << "not told";
                                                     is_told = true;
                                                   });
  EXPECT_EQ(enrol(one, host_number(1)).failed.code, ec::none) << "it is welcome";
}

TEST_F(roster_test, lets_nobody_in_who_does_not_fit) {
  caf::scoped_actor one{system_}, other{system_};
  EXPECT_THAT(enrol(one, host_number(3)).failed.what, HasSubstr("expects 3 hosts"));
  EXPECT_THAT(enrol(one, host_number(0)).failed.what, HasSubstr("expects 3 hosts"));
  EXPECT_THAT(enrol(one, host_number(1, 4)).failed.what, HasSubstr("expects 4 hosts, host 0 3"));
  EXPECT_EQ(enrol(one, host_number(1)).failed.code, ec::none);
  const auto second = enrol(other, host_number(1));
  EXPECT_THAT(second.failed.what, HasSubstr("two hosts claim rank 1"));
  EXPECT_TRUE(second.may_retry) << "the first may be about to be found dead";
}

TEST_F(roster_test, brings_the_answer_to_the_host_that_asked) {
  caf::scoped_actor one{system_}, two{system_};
  EXPECT_EQ(enrol(one, host_number(1)).failed.code, ec::none);
  EXPECT_EQ(enrol(two, host_number(2)).failed.code, ec::none);
  two->send(roster_, forwarded_call{5, "GET", "/", {}, "question"});
  const auto answer = next<forwarded_answer>(two);
  EXPECT_EQ(answer.number, 5u);
  EXPECT_EQ(answer.body, "question");
}

} // namespace
} // namespace ckpt::actors
