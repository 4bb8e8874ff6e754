// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/peers/peer_choice.hpp"

#include "tests/actors/update/pipeline_fixture.hpp"

#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using place = peer_reader_state::place;
using link_kind = peer_reader_state::link_kind;

/// A host that takes eight chunks and has four slabs.
class peer_choice_test : public tests::pipeline_test {
protected:
  peer_choice_test() {
    make_update(tests::make_plan(std::vector<tests::bucket_shape>(8), 4));
    network_.network_devices = "lo";
    network_.transports = "tcp";
    state_.fabric = std::make_unique<gpu::fabric>(network_);
    state_.context = context;
    state_.source = std::make_shared<const peer_chunks>(joined_weights{});
    state_.chunks = owned_chunks(context->layout, context->plan);
    state_.missing = state_.chunks.size();
    state_.places.assign(state_.chunks.size(), place::wanted);
    state_.at_sources.resize(state_.chunks.size());
    state_.at_fellows.resize(state_.chunks.size());
  }

  std::size_t add(link_kind kind, const std::vector<std::uint32_t>& has) {
    auto& one = add_link(state_, kind, "node");
    if (kind == link_kind::source)
      one.endpoint = std::make_unique<gpu::fabric_endpoint>(*state_.fabric, state_.fabric->address());
    for (const auto chunk : has)
      set_has(state_, one, chunk, true);
    return state_.links.size() - 1;
  }

  /// Chunk and link of the next question, which counts as asked.
  std::optional<std::pair<std::uint32_t, std::size_t>> ask() {
    const auto wanted = wanted_chunks(state_);
    const auto chosen = wanted.empty() ? std::nullopt : choose_question(state_, wanted);
    if (!chosen)
      return std::nullopt;
    state_.places[wanted[chosen->index]] = place::asked;
    ++state_.links[chosen->link].asked;
    return std::pair{wanted[chosen->index], chosen->link};
  }

  /// Takes the chunk from nowhere. False when there is no slab for it.
  bool bring(std::uint32_t chunk) {
    peer_reader_state::request made;
    made.chunk = chunk;
    if (!take_room(state_, made))
      return false;
    actors::hold(state_, made);
    return true;
  }

  gpu::fabric_options network_;
  const std::vector<std::uint32_t> all_{0, 1, 2, 3, 4, 5, 6, 7};
  peer_reader_state state_;
};

TEST_F(peer_choice_test, asks_in_sequence_and_whoever_owes_least_without_fellows) {
  add(link_kind::source, {0, 1, 2});
  add(link_kind::source, {1, 2, 3});
  EXPECT_EQ(ask(), std::pair(0u, std::size_t{0}));
  EXPECT_EQ(ask(), std::pair(1u, std::size_t{1}));
  EXPECT_EQ(ask(), std::pair(2u, std::size_t{0}));
  EXPECT_EQ(ask(), std::pair(3u, std::size_t{1}));
  EXPECT_EQ(ask(), std::nullopt) << "there are four slabs";
}

TEST_F(peer_choice_test, looks_no_further_than_there_are_slabs_from_the_first_that_is_not_copied) {
  EXPECT_THAT(wanted_chunks(state_), ElementsAre(0, 1, 2, 3));
  ASSERT_TRUE(bring(1));
  EXPECT_THAT(wanted_chunks(state_), ElementsAre(0, 2, 3));
  mark_copied(state_, 1);
  EXPECT_THAT(wanted_chunks(state_), ElementsAre(0, 2, 3));
  ASSERT_TRUE(bring(0));
  mark_copied(state_, 0);
  EXPECT_THAT(wanted_chunks(state_), ElementsAre(2, 3, 4, 5));
}

TEST_F(peer_choice_test, asks_for_the_rarest_and_fellows_first) {
  add(link_kind::source, all_);
  const auto one = add(link_kind::fellow, {0, 1});
  const auto other = add(link_kind::fellow, {1});
  std::set<std::pair<std::uint32_t, std::size_t>> first{*ask(), *ask()};
  EXPECT_EQ(first, (std::set<std::pair<std::uint32_t, std::size_t>>{{0, one}, {1, other}}));
  // None of the fellows has the rest.
  std::set<std::pair<std::uint32_t, std::size_t>> rest{*ask(), *ask()};
  EXPECT_EQ(rest, (std::set<std::pair<std::uint32_t, std::size_t>>{{2, 0}, {3, 0}}));
}

TEST_F(peer_choice_test, asks_a_source_for_less_at_a_time_the_more_fellows_there_are) {
  const auto asked_beside = [&](std::size_t fellows) {
    while (state_.links.size() < 1 + fellows)
      add(link_kind::fellow, {});
    state_.links[0].asked = 0;
    state_.places.assign(state_.places.size(), place::wanted);
    state_.first_wanted = 0;
    std::size_t count = 0;
    while (ask())
      ++count;
    return count;
  };
  add(link_kind::source, all_);
  EXPECT_EQ(asked_beside(0), 4u);
  EXPECT_EQ(asked_beside(3), 2u);
  EXPECT_EQ(asked_beside(15), 1u) << "never none";
}

TEST_F(peer_choice_test, wants_again_what_has_not_come) {
  peer_reader_state::request made;
  ASSERT_TRUE(take_room(state_, made));
  state_.places[0] = place::asked;
  EXPECT_THAT(wanted_chunks(state_), ElementsAre(1, 2, 3));
  want_again(state_, made);
  EXPECT_THAT(wanted_chunks(state_), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(context->slabs->free_count(), context->slabs->count());
}

TEST_F(peer_choice_test, keeps_what_is_copied_for_fellows_until_the_slab_is_needed) {
  add(link_kind::fellow, {});
  for (const auto chunk : {0u, 1u, 2u, 3u})
    ASSERT_TRUE(bring(chunk));
  EXPECT_FALSE(bring(4)) << "all slabs wait for their copies";
  mark_copied(state_, 0);
  mark_copied(state_, 1);
  state_.held.at(0).sends = 1; // To a fellow.
  EXPECT_TRUE(bring(4));
  EXPECT_THAT(state_.news_gone, ElementsAre(1));
  EXPECT_FALSE(bring(5)) << "the slab is being sent from";
  state_.held.at(0).sends = 0;
  EXPECT_TRUE(bring(5));
  EXPECT_THAT(state_.news_gone, ElementsAre(1, 0));
  EXPECT_THAT(state_.news_here, ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(peer_choice_test, gives_slabs_back_at_once_without_fellows) {
  ASSERT_TRUE(bring(0));
  mark_copied(state_, 0);
  EXPECT_EQ(context->slabs->free_count(), context->slabs->count());
  EXPECT_THAT(state_.news_gone, IsEmpty());
}

TEST_F(peer_choice_test, never_asks_again_for_what_was_refused) {
  const auto fellow = add(link_kind::fellow, {0, 1});
  note_refusal(state_, state_.links[fellow], 0);
  set_has(state_, state_.links[fellow], 0, true);
  EXPECT_EQ(state_.at_fellows[0], 0);
  EXPECT_EQ(ask(), std::pair(1u, fellow));
  EXPECT_EQ(ask(), std::nullopt);
}

TEST_F(peer_choice_test, finds_the_fellow_for_which_everything_waits) {
  add(link_kind::source, {0, 1});
  const auto fellow = add(link_kind::fellow, all_);
  const auto start = meter::clock::now();
  auto made = std::make_unique<peer_reader_state::request>();
  made->link = fellow;
  made->since = start;
  auto* const key = static_cast<gpu::fabric_transfer*>(made.get());
  state_.requests.emplace(key, std::move(made));
  EXPECT_EQ(find_brake(state_, start + 4s, 4s), std::nullopt);
  EXPECT_EQ(find_brake(state_, start + 5s, 4s), fellow);
  state_.requests.begin()->second->chunk = 1;
  EXPECT_EQ(find_brake(state_, start + 5s, 4s), std::nullopt) << "nothing waits for the second chunk yet";
  ASSERT_TRUE(bring(0));
  mark_copied(state_, 0);
  EXPECT_EQ(find_brake(state_, start + 5s, 4s), fellow);
  set_has(state_, state_.links[0], 1, false);
  EXPECT_EQ(find_brake(state_, start + 5s, 4s), std::nullopt) << "no source has it";
}

TEST_F(peer_choice_test, talks_by_way_of_the_source_that_was_heard_last) {
  const auto first = add(link_kind::source, all_), second = add(link_kind::source, all_);
  const auto stranger = add(link_kind::source, all_);
  const auto fellow = add(link_kind::fellow, all_);
  EXPECT_EQ(find_way(state_, state_.links[fellow]), std::nullopt);
  state_.links[fellow].ways = {first, second};
  const auto now = meter::clock::now();
  state_.links[first].heard = now;
  state_.links[second].heard = now + 1s;
  state_.links[stranger].heard = now + 2s;
  EXPECT_EQ(find_way(state_, state_.links[fellow]), second);
  state_.links[second].lost = "it has died";
  EXPECT_EQ(find_way(state_, state_.links[fellow]), first);
  state_.links[first].lost = "it has died";
  EXPECT_EQ(find_way(state_, state_.links[fellow]), std::nullopt);
}

TEST_F(peer_choice_test, sends_from_a_quarter_of_the_slabs_at_most) {
  ASSERT_EQ(context->slabs->count(), 4u);
  EXPECT_TRUE(gives_anything(state_));
  EXPECT_TRUE(may_send_more(state_));
  auto sent = std::make_unique<peer_reader_state::sending>();
  auto* const key = static_cast<gpu::fabric_transfer*>(sent.get());
  state_.sends.emplace(key, std::move(sent));
  EXPECT_FALSE(may_send_more(state_));
}

TEST_F(peer_choice_test, begins_the_tags_of_each_link_anywhere) {
  add(link_kind::source, all_);
  add(link_kind::source, all_);
  add(link_kind::fellow, all_);
  std::set<std::uint64_t> beginnings;
  for (const auto& one : state_.links)
    beginnings.insert(one.next_tag >> 32);
  EXPECT_EQ(beginnings.size(), 3u) << "one in two thousand million times by chance";
}

TEST_F(peer_choice_test, goes_on_without_the_memory_that_a_broken_fabric_may_still_use) {
  state_.exchange = std::make_unique<gpu::fabric>(network_);
  std::vector<std::byte*> places;
  for (const auto chunk : {0u, 1u}) {
    auto made = std::make_unique<peer_reader_state::request>();
    made->chunk = chunk;
    made->local = chunk == 0 ? state_.exchange.get() : state_.fabric.get();
    ASSERT_TRUE(take_room(state_, *made));
    state_.places[chunk] = place::asked;
    places.push_back(made->data);
    auto* const key = static_cast<gpu::fabric_transfer*>(made.get());
    state_.requests.emplace(key, std::move(made));
  }
  ASSERT_TRUE(bring(2));
  auto sent = std::make_unique<peer_reader_state::sending>();
  sent->chunk = 2;
  sent->local = state_.exchange.get();
  state_.held.at(2).sends = 1;
  auto* const key = static_cast<gpu::fabric_transfer*>(sent.get());
  state_.sends.emplace(key, std::move(sent));

  auto* const left = state_.requests.begin()->second->chunk == 0 ? state_.requests.begin()->first
                                                                 : state_.requests.rbegin()->first;
  leave_behind(state_, *state_.exchange);
  const std::unique_ptr<peer_reader_state::request> freed_by_test{
      static_cast<peer_reader_state::request*>(left)};
  const std::unique_ptr<peer_reader_state::sending> freed_too{static_cast<peer_reader_state::sending*>(key)};
  ASSERT_EQ(state_.requests.size(), 1u) << "what comes from sources is not touched";
  EXPECT_EQ(state_.requests.begin()->second->chunk, 1u);
  EXPECT_THAT(wanted_chunks(state_), ElementsAre(0, 3));
  EXPECT_TRUE(state_.sends.empty());
  EXPECT_EQ(state_.held.at(2).sends, 0u);
  EXPECT_EQ(context->slabs->free_count(), 2u) << "no slab is lost";
  for (int turn = 0; turn < 2; ++turn) {
    peer_reader_state::request again;
    ASSERT_TRUE(take_room(state_, again));
    EXPECT_NE(again.data, places[0]);
  }
}

TEST_F(peer_choice_test, counts_who_has_a_chunk) {
  const auto fellow = add(link_kind::fellow, {5});
  set_has(state_, state_.links[fellow], 5, true);
  EXPECT_EQ(state_.at_fellows[5], 1);
  set_has(state_, state_.links[fellow], 5, false);
  set_has(state_, state_.links[fellow], 5, false);
  set_has(state_, state_.links[fellow], 4'000'000'000, true); // There is no such chunk.
  EXPECT_EQ(state_.at_fellows[5], 0);
}

} // namespace
} // namespace ckpt::actors
