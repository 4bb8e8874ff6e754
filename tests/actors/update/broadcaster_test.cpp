// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A real broadcaster. The test is its conductor, its stagers and its sessions, and decides when a broadcast ends.

#include "actors/update/broadcaster.hpp"

#include "gpu/host/host_device.hpp"
#include "tests/actors/update/pipeline_fixture.hpp"
#include "tests/support/temporary_directory.hpp"

#include <algorithm>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;
using tests::held_broadcast;
using tests::make_plan;
using tests::planned_slot_bytes;

class broadcaster_test : public tests::pipeline_test {
protected:
  void begin() {
    broadcaster_ = keep(system.spawn<caf::detached>(
        broadcaster, context, neighbours.as<conductor_actor>(),
        std::vector{first_session_.as<worker_session_actor>(), second_session_.as<worker_session_actor>()}));
    neighbours.tell(broadcaster_, start_atom_v);
  }

  void stage(std::uint32_t bucket) { neighbours.tell(broadcaster_, bucket_staged{bucket}); }

  void acknowledge(std::uint32_t count) {
    acknowledged_ = count;
    neighbours.tell(broadcaster_, buckets_acknowledged{count});
  }

  /// The broadcaster looks for completions once more: the look that is due stands before the second message.
  void let_it_look() {
    acknowledge(acknowledged_);
    acknowledge(acknowledged_);
  }

  /// What both sessions were told since the last time.
  [[nodiscard]] std::vector<std::string> announced() {
    let_it_look();
    auto first = first_session_.heard_so_far();
    EXPECT_EQ(second_session_.heard_so_far(), first) << "all workers get the same";
    return first;
  }

  [[nodiscard]] std::vector<held_broadcast> issued() const { return collective->queue.issued(); }

  broadcaster_actor broadcaster_;
  tests::peer first_session_{system};
  tests::peer second_session_{system};

private:
  std::uint32_t acknowledged_ = 0;
};

TEST_F(broadcaster_test, announces_a_bucket_to_all_sessions_only_when_all_its_bytes_are_there) {
  make_update(make_plan({{1, 1}, {1, 0}}, 2), {1, 0, 2, 2});
  begin();
  EXPECT_THAT(issued(), IsEmpty()) << "nothing is staged";
  stage(0);
  EXPECT_THAT(issued(), ElementsAre(held_broadcast{1, 0, planned_slot_bytes}));
  stage(1);
  EXPECT_THAT(announced(), IsEmpty()) << "both are under way";
  collective->queue.complete(1);
  EXPECT_THAT(announced(), ElementsAre("ready: 0"));
  collective->queue.complete(2);
  EXPECT_THAT(announced(), ElementsAre("ready: 1"));
  EXPECT_THAT(announced(), IsEmpty()) << "everything has been said";
  EXPECT_THAT(neighbours.heard_so_far(), IsEmpty()) << "the conductor hears of no bucket";
}

TEST_F(broadcaster_test, keeps_to_the_global_sequence_whatever_is_staged_first) {
  make_update(make_plan({{1}, {1}, {1}}, 3));
  begin();
  stage(2);
  stage(1);
  EXPECT_THAT(issued(), IsEmpty()) << "bucket 0 comes first";
  stage(0);
  EXPECT_THAT(issued(), ElementsAre(held_broadcast{0, 0, planned_slot_bytes},
                                    held_broadcast{0, planned_slot_bytes, planned_slot_bytes},
                                    held_broadcast{0, 2 * planned_slot_bytes, planned_slot_bytes}));
  collective->queue.complete(3);
  EXPECT_THAT(announced(), ElementsAre("ready: 0", "ready: 1", "ready: 2"));
}

TEST_F(broadcaster_test, never_writes_to_a_slot_that_a_worker_may_still_read) {
  make_update(make_plan({{1}, {1}, {1}, {1}, {1}}, 2));
  begin();
  for (const auto bucket : {0, 1, 2, 3, 4})
    stage(bucket);
  collective->queue.complete(2);
  EXPECT_THAT(announced(), SizeIs(2));
  EXPECT_THAT(issued(), SizeIs(2)) << "both slots are taken, although their broadcasts have ended";
  acknowledge(1);
  EXPECT_THAT(issued(), SizeIs(3));
  EXPECT_EQ(issued().back().offset, 0u) << "the slot of bucket 0";
  collective->queue.complete(3);
  EXPECT_THAT(announced(), ElementsAre("ready: 2"));
  acknowledge(1);
  EXPECT_THAT(issued(), SizeIs(3)) << "bucket 1 has not been taken";
  acknowledge(3);
  EXPECT_THAT(issued(), SizeIs(5)) << "two at once are free";
}

TEST_F(broadcaster_test, what_other_hosts_read_is_issued_without_further_notice_as_far_as_the_ring_goes) {
  make_update(make_plan({{1, 0}, {1, 0}, {1, 1}, {1, 0}, {1, 0}}, 4), {2, 1, 1, 1});
  begin();
  EXPECT_THAT(issued(), SizeIs(2)) << "this host has rank 1 and has not staged bucket 2";
  EXPECT_THAT(issued(), Each(testing::Field(&held_broadcast::root, 0u)));
  stage(2);
  EXPECT_THAT(issued(), SizeIs(4)) << "bucket 4 waits for bucket 0 to be taken";
  EXPECT_EQ(issued()[2].root, 1u);
  acknowledge(1);
  EXPECT_THAT(issued(), SizeIs(5));
}

TEST_F(broadcaster_test, on_one_host_a_collective_that_fails_is_this_hosts_failure) {
  make_update(make_plan({{1}, {1}, {1}}, 3));
  begin();
  stage(0);
  stage(1);
  collective->queue.fail(1, "ncclCommGetAsyncError: unhandled cuda error");
  EXPECT_EQ(neighbours.hear(), "failed: unspecified: broadcast: ncclCommGetAsyncError: unhandled cuda error");
  EXPECT_THAT(announced(), ElementsAre("ready: 0")) << "the broadcast before it had ended";
  stage(2);
  acknowledge(2);
  neighbours.tell(broadcaster_, tick_atom_v);
  EXPECT_THAT(issued(), SizeIs(2)) << "the queue does nothing more";
  EXPECT_THAT(announced(), IsEmpty());
  EXPECT_THAT(neighbours.heard_so_far(), IsEmpty()) << "one failure, told once";
}

TEST_F(broadcaster_test, on_several_hosts_a_collective_that_fails_makes_the_neighbour_suspected) {
  make_update(make_plan({{1, 0}, {1, 1}}, 2), {2, 0, 1, 1});
  begin();
  stage(0);
  collective->queue.fail(0, "connection reset by remote peer");
  EXPECT_EQ(neighbours.hear(), "suspected: host_lost: broadcast: connection reset by remote peer");
  neighbours.tell(broadcaster_, tick_atom_v);
  EXPECT_THAT(announced(), IsEmpty());
  EXPECT_THAT(neighbours.heard_so_far(), IsEmpty()) << "one suspicion, told once";
}

TEST_F(broadcaster_test, a_bucket_that_never_arrives_is_a_timeout_that_names_bucket_rank_and_host) {
  update_options options;
  options.timeout = 10ms;
  make_update(make_plan({{1, 0}, {1, 3}}, 2), {2, 0, 2, 2}, options);
  collective->queue.complete(1); // Beforehand: it shall not be late, however slow the machine is.
  begin();
  stage(0);
  EXPECT_THAT(neighbours.hear(),
              AllOf(StartsWith("failed: timed_out: "),
                    HasSubstr("bucket 2 of 2 did not arrive from rank 3 (host 1) within 0.03 s")));
  neighbours.tell(broadcaster_, tick_atom_v);
  EXPECT_THAT(neighbours.heard_so_far(), IsEmpty());
}

TEST_F(broadcaster_test, waits_for_ever_for_its_own_stagers) {
  update_options options;
  options.timeout = 0ms; // Whatever is under way is overdue.
  make_update(make_plan({{1}}, 1), {}, options);
  begin();
  neighbours.tell(broadcaster_, tick_atom_v);
  EXPECT_THAT(neighbours.heard_so_far(), IsEmpty()) << "reads have a deadline of their own";
}

TEST_F(broadcaster_test, stops_the_collective_when_it_ends_and_not_before) {
  make_update(make_plan({{1}}, 1));
  begin();
  stage(0);
  let_it_look();
  EXPECT_EQ(collective->stops, 0u);
  neighbours.end(caf::actor_cast<caf::actor>(broadcaster_));
  EXPECT_EQ(collective->stops, 1u) << "a broadcast was under way";
}

/// With real devices and the real collective of one host.
TEST_F(broadcaster_test,
       on_one_host_a_bucket_is_in_every_ring_when_it_is_announced_and_nothing_leads_elsewhere) {
  const tests::temporary_directory scratch;
  std::vector<std::unique_ptr<gpu::device>> made;
  std::vector<const gpu::host_device*> rings;
  for (const unsigned index : {0, 1}) {
    auto device = std::make_unique<gpu::host_device>(index, scratch.path());
    rings.push_back(device.get());
    made.push_back(std::move(device));
  }
  const auto resources = std::make_shared<host_resources>(
      std::move(made), [&] { return std::make_unique<gpu::host_collective>(rings); });
  weights_version version;
  version.plan = make_plan({{1, 1}}, 1);
  resources->begin_run(version.plan, 1, planned_slot_bytes);
  context = std::make_shared<update>(update_options{}, cluster_layout{1, 0, 2, 2},
                                     std::make_shared<const weights_version>(std::move(version)), resources);
  EXPECT_EQ(context->collective->address(), "");
  EXPECT_EQ(context->collective->connection(), "");
  std::ranges::fill(rings[1]->ring(), std::byte{7});
  begin();
  stage(0);
  for (auto* session : {&first_session_, &second_session_})
    EXPECT_EQ(session->hear(), "ready: 0");
  EXPECT_TRUE(std::ranges::equal(rings[0]->ring(), rings[1]->ring()));
  EXPECT_EQ(rings[0]->ring().back(), std::byte{7});
  neighbours.end(caf::actor_cast<caf::actor>(broadcaster_));
}

} // namespace
} // namespace ckpt::actors
