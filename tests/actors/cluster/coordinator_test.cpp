// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The real coordinator and nodes, many of them in one process: how they agree, and how they end together.

#include "apps/simulation/simulated_cluster.hpp"

#include <caf/event_based_actor.hpp>
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

using apps::simulated_cluster;
using apps::simulated_cluster_options;
using testing::HasSubstr;

/// Runs an update of `options.layout` and expects that all hosts end with `code` and a cause that says
/// `what`.
void expect_end(const simulated_cluster_options& options, ec code, const std::string& what) {
  const auto outcome = simulated_cluster{}.run(options);
  ASSERT_FALSE(outcome.verdicts.empty());
  for (std::size_t host = 0; host < outcome.verdicts.size(); ++host) {
    EXPECT_EQ(outcome.verdicts[host].first_cause.code, code)
        << host << ": " << outcome.verdicts[host].first_cause.what;
    EXPECT_THAT(outcome.verdicts[host].first_cause.what, HasSubstr(what)) << host;
  }
}

/// Changes what `host` brings.
template <class Function>
std::function<bool(node_options&)> at_host(std::uint32_t host, Function change) {
  return [=](node_options& node) {
    if (node.layout.host == host)
      change(node);
    return true;
  };
}

TEST(coordinator, brings_256_hosts_to_one_successful_end) {
  simulated_cluster_options options;
  options.layout = {256, 0, 8, 8};
  const auto outcome = simulated_cluster{}.run(options);
  ASSERT_EQ(outcome.verdicts.size(), 256u);
  for (const auto& verdict : outcome.verdicts)
    EXPECT_EQ(verdict.first_cause.code, ec::none) << verdict.first_cause.what;
  ASSERT_EQ(outcome.verdicts[0].engines.size(), 256u) << "host 0 knows of all";
  EXPECT_EQ(outcome.verdicts[0].engines[255].serves, served_weights::updated);
  EXPECT_EQ(outcome.verdicts[7].engines.size(), 1u) << "the others of their own";
}

TEST(coordinator, tells_each_host_its_neighbours_and_the_devices_of_its_engines) {
  simulated_cluster_options options;
  options.layout = {3, 0, 2, 6};
  std::vector<start_update> starts(3);
  std::mutex mutex;
  options.prepare = [&](node_options& node) {
    node.begin = [&, begin = node.begin, host = node.layout.host](const start_update& start,
                                                                  const node_actor& self) {
      const std::lock_guard lock{mutex};
      starts[host] = start;
      return begin(start, self);
    };
    return true;
  };
  static_cast<void>(simulated_cluster{}.run(options));
  EXPECT_EQ(starts[0].previous_data_address, "address of node2");
  EXPECT_EQ(starts[0].next_data_address, "address of node1");
  EXPECT_EQ(starts[2].next_data_address, "address of node0");
  EXPECT_THAT(starts[0].engine_uuids,
              testing::ElementsAre("GPU-0", "GPU-1", "GPU-2", "GPU-3", "GPU-4", "GPU-5"));
  EXPECT_TRUE(starts[1].engine_uuids.empty()) << "it leads no engine";
  EXPECT_GE(starts[0].secret.size(), 16u);
  EXPECT_EQ(starts[0].secret, starts[2].secret);
}

TEST(coordinator, names_the_file_in_which_a_host_differs) {
  simulated_cluster_options options;
  options.layout = {4, 0, 1, 1};
  options.prepare = [](node_options& node) {
    node.files = {{"model-00001.safetensors", 5000, 1}, {"model-00007.safetensors", 9000, 1}};
    if (node.layout.host == 3) {
      node.files[1].bytes -= 4099;
      node.introduction.plan_digest = 7;
    }
    return true;
  };
  expect_end(options, ec::host_disagrees, "host 3 (node3) has model-00007.safetensors with 4099 bytes less");
}

TEST(coordinator, names_the_flag_in_which_a_host_differs) {
  simulated_cluster_options options;
  options.layout = {3, 0, 1, 1};
  options.prepare = [](node_options& node) {
    node.introduction.settings = {{"--bucket-size", node.layout.host == 1 ? "4096" : ""}};
    return true;
  };
  expect_end(options, ec::host_disagrees,
             "host 1 (node1) was started with --bucket-size 4096, host 0 without --bucket-size");
}

TEST(coordinator, refuses_a_rank_that_two_hosts_claim_and_names_both) {
  simulated_cluster_options options;
  options.layout = {3, 0, 1, 1};
  options.prepare = at_host(2, [](node_options& node) { node.introduction.host = 1; });
  expect_end(options, ec::host_disagrees, "two hosts claim rank 1: node");
}

TEST(coordinator, refuses_a_host_that_expects_another_number_of_hosts) {
  simulated_cluster_options options;
  options.layout = {2, 0, 1, 1};
  options.prepare = at_host(1, [](node_options& node) { node.introduction.hosts = 5; });
  expect_end(options, ec::host_disagrees, "host 1 (node1) expects 5 hosts, host 0 2");
}

TEST(coordinator, refuses_a_host_of_another_version_and_each_side_says_which_it_speaks) {
  simulated_cluster_options options;
  options.layout = {3, 0, 1, 1};
  options.prepare = at_host(1, [](node_options& node) { node.protocol = 99; });
  const auto outcome = simulated_cluster{}.run(options);
  for (const auto host : {0, 2}) {
    EXPECT_EQ(outcome.verdicts[host].first_cause.code, ec::host_disagrees);
    EXPECT_THAT(outcome.verdicts[host].first_cause.what,
                HasSubstr("host 1 (node1) speaks protocol 99, host 0 " + std::to_string(protocol_version)));
  }
  EXPECT_EQ(outcome.verdicts[1].first_cause.code, ec::host_disagrees);
  EXPECT_THAT(outcome.verdicts[1].first_cause.what, HasSubstr("this host 99"));
}

TEST(coordinator, does_not_wait_longer_than_the_timeout_for_a_host_that_never_comes) {
  simulated_cluster_options options;
  options.layout = {4, 0, 1, 1};
  options.timeout = std::chrono::milliseconds{1'000};
  options.prepare = [](const node_options& node) { return node.layout.host != 2; };
  expect_end(options, ec::host_lost, "host 2 never came within 1 s");
}

TEST(coordinator, ends_the_update_everywhere_when_one_host_fails_and_says_which) {
  simulated_cluster_options options;
  options.layout = {8, 0, 1, 1};
  options.fail = [](std::uint32_t host) {
    return host == 5 ? cause{ec::engine_failed, "worker 0 failed", 5} : cause{};
  };
  expect_end(options, ec::engine_failed, "host 5 (node5): worker 0 failed");
}

TEST(coordinator, ends_the_update_everywhere_when_one_host_has_lost_a_host_outside_of_the_cluster) {
  simulated_cluster_options options;
  options.layout = {2, 0, 1, 1};
  options.fail = [](std::uint32_t host) {
    return host == 1 ? cause{ec::host_lost, "nobody has these bytes"} : cause{};
  };
  expect_end(options, ec::host_lost, "host 1 (node1): nobody has these bytes");
  options.layout = {1, 0, 1, 1};
  options.fail = [](std::uint32_t) { return cause{ec::host_lost, "nobody has these bytes"}; };
  expect_end(options, ec::host_lost, "nobody has these bytes");
}

TEST(coordinator, passes_on_why_a_host_cannot_take_part) {
  simulated_cluster_options options;
  options.layout = {3, 0, 1, 1};
  options.prepare = at_host(1, [](node_options& node) {
    node.introduction.failed_before = {ec::checkpoint_invalid, "/models: no such directory"};
  });
  expect_end(options, ec::checkpoint_invalid, "host 1 (node1): /models: no such directory");
}

TEST(coordinator, takes_a_host_that_shows_no_life_for_lost) {
  simulated_cluster_options options;
  options.layout = {3, 0, 1, 1};
  options.host_timeout = std::chrono::milliseconds{1'500};
  // Its conductor starts and blocks the thread of the node, as if the whole process had been stopped.
  options.prepare = at_host(2, [](node_options& node) {
    node.begin = [begin = node.begin](const start_update& start, const node_actor& self) {
      std::this_thread::sleep_for(std::chrono::seconds{4});
      return begin(start, self);
    };
  });
  const auto outcome = simulated_cluster{}.run(options);
  for (const auto host : {0, 1}) {
    EXPECT_EQ(outcome.verdicts[host].first_cause.code, ec::host_lost);
    EXPECT_THAT(outcome.verdicts[host].first_cause.what,
                HasSubstr("host 2 (node2) was lost: no sign of life for 1.5 s"));
  }
  EXPECT_EQ(outcome.verdicts[2].first_cause.code, ec::host_lost) << "it finds out, too";
}

struct bare_config : caf::actor_system_config {
  bare_config() { add_message_types<caf::id_block::ckpt_cluster>(); }
};

[[nodiscard]] join_request request_of(std::uint32_t host, std::uint32_t hosts) {
  join_request request;
  request.host = host;
  request.hosts = hosts;
  request.name = "node" + std::to_string(host);
  return request;
}

TEST(coordinator, tells_a_host_that_comes_late_which_one_was_lost_before) {
  bare_config config;
  caf::actor_system system{config};
  const auto center = system.spawn(coordinator, coordinator_options{{3, 0, 1, 1},
                                                                    std::chrono::seconds{20},
                                                                    std::chrono::seconds{4},
                                                                    std::chrono::seconds{1}});
  caf::scoped_actor first{system};
  const auto lost = system.spawn(
      [](caf::event_based_actor* self, const coordinator_actor& whom,
         const caf::actor& test) -> caf::behavior {
        self->send(whom, request_of(1, 3));
        // Answered after what was sent before it.
        self->request(whom, caf::infinite, hello_atom_v, protocol_version, std::uint32_t{1},
                      std::string{"node1"})
            .then([=](std::uint32_t, const std::string&) { self->send(test, goodbye_atom_v); });
        return {[](alive_atom) {}};
      },
      center, caf::actor{first});
  first->send(center, request_of(0, 3));
  first->receive([](goodbye_atom) {},
                 caf::after(std::chrono::seconds{20}) >> [] { ADD_FAILURE() << "not in"; });
  first
      ->request(center, std::chrono::seconds{20}, hello_atom_v, protocol_version, std::uint32_t{0},
                std::string{"node0"})
      .receive([](std::uint32_t, const std::string&) {},
               [](const caf::error&) { ADD_FAILURE() << "not in"; });
  caf::anon_send_exit(lost, caf::exit_reason::kill);
  cause seen;
  const auto heed = [&](const caf::scoped_actor& self) {
    bool is_told = false;
    self->receive_while([&] { return !is_told; })(
        [&](const give_up& message) {
          seen = message.why;
          is_told = true;
        },
        [](alive_atom) {}, caf::after(std::chrono::seconds{20}) >> [&] { is_told = true; });
    EXPECT_EQ(seen.code, ec::host_lost);
    EXPECT_THAT(seen.what, HasSubstr("host 1 (node1) was lost"));
  };
  heed(first);
  first->send(center, host_verdict{});
  first->send(center, goodbye_atom_v);
  seen = {};
  std::this_thread::sleep_for(
      std::chrono::seconds{1}); // Late: a coordinator that does not wait is gone by then.
  caf::scoped_actor late{system};
  late->send(center, request_of(2, 3));
  heed(late);
  caf::anon_send_exit(center, caf::exit_reason::kill);
}

} // namespace
} // namespace ckpt::actors
