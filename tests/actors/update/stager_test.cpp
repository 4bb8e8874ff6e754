// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A real stager. The test is its conductor, its broadcaster and its disk reader, and decides when a copy ends.

#include "actors/update/stager.hpp"

#include "tests/actors/update/pipeline_fixture.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using tests::make_plan;
using tests::planned_chunk_bytes;
using tests::planned_slot_bytes;

class stager_test : public tests::pipeline_test {
protected:
  void begin(std::uint32_t device = 0) {
    device_ = device;
    stager_ = keep(system.spawn<caf::detached>(stager, context, device, neighbours.as<conductor_actor>(),
                                               neighbours.as<broadcaster_actor>()));
    neighbours.tell(stager_, start_atom_v);
  }

  /// Hands over a chunk in the slab of the same number, or in a mapped file.
  void read(std::uint32_t chunk, bool is_mapped = false) {
    const auto slab = is_mapped ? std::nullopt : std::optional{chunk};
    neighbours.tell(stager_, chunk_ready{chunk, slab, data(chunk)});
  }

  [[nodiscard]] const std::byte* data(std::uint32_t chunk) const {
    return memory_.data() + chunk * planned_chunk_bytes;
  }

  void acknowledge(std::uint32_t count) {
    acknowledged_ = count;
    neighbours.tell(stager_, buckets_acknowledged{count});
  }

  /// The stager looks for completions once more: the look that is due stands before the second message.
  void let_it_look() {
    acknowledge(acknowledged_);
    acknowledge(acknowledged_);
  }

  /// Which chunks have been copied or are being copied, in order. Each has to go where the plan says.
  [[nodiscard]] std::vector<std::uint32_t> copied() const {
    std::vector<std::uint32_t> chunks;
    for (const auto& copy : devices[device_]->queue.issued()) {
      const auto chunk = static_cast<std::uint32_t>((copy.source - memory_.data()) / planned_chunk_bytes);
      const auto& planned = context->plan.chunks[chunk];
      const auto& bucket = context->plan.buckets[planned.bucket];
      EXPECT_EQ(copy.source, data(chunk));
      EXPECT_EQ(copy.pieces.size(), 1u);
      EXPECT_EQ(copy.pieces.front().source_offset, 64u);
      EXPECT_EQ(copy.pieces.front().ring_offset,
                bucket.slot_offset + (chunk - bucket.chunks.begin) * planned_chunk_bytes);
      EXPECT_EQ(copy.pieces.front().length, planned_chunk_bytes);
      chunks.push_back(chunk);
    }
    return chunks;
  }

  void complete(gpu::ticket last) { devices[device_]->queue.complete(last); }

  stager_actor stager_;

private:
  std::uint32_t acknowledged_ = 0;
  std::uint32_t device_ = 0;
  std::vector<std::byte> memory_ = std::vector<std::byte>(16 * planned_chunk_bytes);
};

TEST_F(stager_test, copies_chunks_in_the_order_in_which_they_come_each_to_its_place) {
  make_update(make_plan({{3}, {2}}, 2));
  begin();
  for (const auto chunk : {1, 0, 4, 2, 3})
    read(chunk);
  EXPECT_THAT(copied(), ElementsAre(1, 0, 4, 2, 3));
}

TEST_F(stager_test, gives_a_slab_back_once_and_only_when_its_copy_has_ended) {
  make_update(make_plan({{3}}, 1));
  begin();
  read(0);
  read(1);
  read(2);
  let_it_look();
  EXPECT_THAT(neighbours.heard_so_far(), IsEmpty()) << "all copies are under way";
  complete(1);
  EXPECT_EQ(neighbours.hear(), "free: chunk 0, slab 0");
  let_it_look();
  EXPECT_THAT(neighbours.heard_so_far(), IsEmpty()) << "two copies are under way";
  complete(3);
  EXPECT_THAT(neighbours.hear(3), ElementsAre("free: chunk 1, slab 1", "free: chunk 2, slab 2", "staged: 0"));
  let_it_look();
  EXPECT_THAT(neighbours.heard_so_far(), IsEmpty()) << "everything has been said";
}

TEST_F(stager_test, says_of_a_chunk_in_a_mapped_file_that_it_had_no_slab) {
  make_update(make_plan({{2}}, 1));
  begin();
  read(0, true);
  read(1);
  complete(2);
  EXPECT_THAT(neighbours.hear(3),
              ElementsAre("free: chunk 0, no slab", "free: chunk 1, slab 1", "staged: 0"));
}

TEST_F(stager_test, calls_a_bucket_staged_only_when_its_last_chunk_is_copied) {
  make_update(make_plan({{2}, {2}}, 2));
  begin();
  for (const auto chunk : {0, 2, 3, 1})
    read(chunk);
  complete(2);
  EXPECT_THAT(neighbours.hear(2), ElementsAre("free: chunk 0, slab 0", "free: chunk 2, slab 2"));
  let_it_look();
  EXPECT_THAT(neighbours.heard_so_far(), IsEmpty()) << "one chunk of each bucket is missing";
  complete(3);
  EXPECT_THAT(neighbours.hear(2), ElementsAre("free: chunk 3, slab 3", "staged: 1"));
  complete(4);
  EXPECT_THAT(neighbours.hear(2), ElementsAre("free: chunk 1, slab 1", "staged: 0"));
}

TEST_F(stager_test, never_copies_into_a_slot_that_a_worker_may_still_read) {
  make_update(make_plan({{1}, {1}, {1}, {1}}, 2));
  begin();
  for (const auto chunk : {0, 1, 2, 3})
    read(chunk);
  complete(2);
  EXPECT_EQ(neighbours.hear(4).back(), "staged: 1");
  let_it_look();
  EXPECT_THAT(copied(), ElementsAre(0, 1)) << "both slots are taken, although their copies have ended";
  acknowledge(1);
  EXPECT_THAT(copied(), ElementsAre(0, 1, 2)) << "bucket 0 has been taken, bucket 1 has not";
  EXPECT_EQ(devices[0]->queue.issued().back().pieces.front().ring_offset, 0u) << "the slot of bucket 0";
  acknowledge(2);
  EXPECT_THAT(copied(), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(devices[0]->queue.issued().back().pieces.front().ring_offset, planned_slot_bytes);
}

TEST_F(stager_test, a_chunk_that_waits_for_its_slot_holds_up_none_whose_slot_is_free) {
  make_update(make_plan({{2}, {1}}, 1));
  begin();
  for (const auto chunk : {0, 2, 1}) // Reads need not come back in the order in which they were asked for.
    read(chunk);
  EXPECT_THAT(copied(), ElementsAre(0, 1));
  acknowledge(1);
  EXPECT_THAT(copied(), ElementsAre(0, 1, 2));
}

TEST_F(stager_test, buckets_without_bytes_are_staged_at_once_by_those_who_own_them) {
  make_update(make_plan({{0, 0}, {0, 3}, {1, 3}, {0, 2}, {0, 3}}, 5), {2, 1, 2, 1});
  begin(1);
  EXPECT_THAT(neighbours.heard_so_far(), ElementsAre("staged: 1", "staged: 4")) << "this device has rank 3";
}

TEST_F(stager_test, a_device_that_fails_is_one_failure_that_names_it) {
  make_update(make_plan({{4}}, 1), {1, 0, 2, 2});
  begin(1);
  read(0);
  read(1);
  devices[1]->queue.fail(1, "cudaMemcpyBatchAsync: an illegal memory access");
  EXPECT_EQ(neighbours.hear(), "free: chunk 0, slab 0") << "that copy had ended";
  EXPECT_THAT(neighbours.hear(), AllOf(StartsWith("failed: unspecified: "), HasSubstr("held device 1"),
                                       HasSubstr("/models/weights.safetensors"),
                                       HasSubstr("cudaMemcpyBatchAsync: an illegal memory access")));
  read(2);
  let_it_look();
  neighbours.tell(stager_, tick_atom_v);
  EXPECT_THAT(neighbours.heard_so_far(), IsEmpty())
      << "no second failure, and the slab of chunk 1 is not free";
  EXPECT_THAT(copied(), ElementsAre(0, 1)) << "the queue does nothing more";
}

TEST_F(stager_test, a_source_that_went_away_is_the_checkpoints_fault) {
  make_update(make_plan({{1}}, 1));
  begin();
  read(0, true);
  devices[0]->queue.fail(0, "the file was truncated", true);
  EXPECT_EQ(neighbours.hear(),
            "failed: checkpoint_invalid: /models/weights.safetensors: the file was truncated");
}

TEST_F(stager_test, ends_with_an_exit_message_while_copies_are_under_way) {
  make_update(make_plan({{1}}, 1));
  begin();
  read(0);
  neighbours.end(caf::actor_cast<caf::actor>(stager_));
  EXPECT_THAT(neighbours.heard_so_far(), IsEmpty()) << "the slab is not free";
}

} // namespace
} // namespace ckpt::actors
