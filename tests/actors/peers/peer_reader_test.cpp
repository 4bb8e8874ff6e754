// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A real peer_reader, over the loopback device. The test is a source, another host that joins, and this
// host's stager and conductor.

#include "actors/peers/peer_reader.hpp"

#include "io/read/resident_chunks.hpp"
#include "tests/actors/update/pipeline_fixture.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using tests::planned_chunk_bytes;
using bytes = std::vector<std::byte>;

/// The id of the other host that joins.
constexpr std::uint64_t fellow_id = 5;

constexpr std::uint32_t chunks_count = 8;

class peer_reader_test : public tests::pipeline_test {
protected:
  peer_reader_test() {
    make_update(tests::make_plan(std::vector<tests::bucket_shape>(chunks_count), 4));
    joined_weights weights;
    auto& source = weights.sources.emplace_back();
    source.actor = source_.as<peer_source_actor>();
    source.name = "node0";
    for (std::uint32_t chunk = 0; chunk < chunks_count; ++chunk) {
      chunks_.emplace_back(planned_chunk_bytes, static_cast<std::byte>(chunk + 1));
      source.chunks.push_back(chunk);
      source.digests.push_back(io::chunk_digest(chunks_.back()));
      weights.digests.emplace_back(source.digests.back());
    }
    auto& empty = weights.sources.emplace_back();
    empty.actor = empty_.as<peer_source_actor>();
    empty.name = "node1";
    weights.network = loopback();
    reader_ = keep(system.spawn(peer_reader, context, neighbours.as<conductor_actor>(),
                                std::vector{neighbours.as<stager_actor>()},
                                std::make_shared<const peer_chunks>(std::move(weights))));
  }

  ~peer_reader_test() override {
    neighbours.end(caf::actor_cast<caf::actor>(reader_)); // Before those to whom it is connected.
  }

  [[nodiscard]] static gpu::fabric_options loopback() {
    gpu::fabric_options network;
    network.network_devices = "lo";
    network.transports = "tcp";
    return network;
  }

  /// Starts the reader and connects it with the source. `meanwhile` comes before the source's answer.
  void begin(const std::function<void()>& meanwhile = [] {}) {
    neighbours.self()->send(reader_, start_atom_v);
    source_.self()->receive(
        [&](const peer_line& line) {
          line_ = line;
          meanwhile();
          peer_line answer;
          answer.data_address = source_fabric_.address();
          return answer;
        },
        caf::after(tests::pipeline_patience) >> [] { ADD_FAILURE() << "it does not connect"; });
    to_reader_.emplace(source_fabric_, line_.data_address);
  }

  [[nodiscard]] fellow the_fellow() { return {fellow_id, "node5", fellow_fabric_.address()}; }

  /// A fellow that has the first chunk. The reader asks it before the source, which has not answered yet.
  /// `before` comes before the source introduces it.
  void begin_beside_a_fellow(const std::function<void()>& before = [] {}) {
    begin([&] {
      before();
      source_.self()->send(reader_, the_fellow());
      fellow_talk has;
      has.here = {0};
      say(has);
    });
    fellow_to_reader_.emplace(fellow_fabric_, line_.exchange_address);
    const auto question = next<fellow_talk>();
    ASSERT_EQ(question.wanted.size(), 1u);
    EXPECT_EQ(question.wanted[0].chunk, 0u);
    asked_ = question.wanted[0];
  }

  /// As the fellow, by way of the source.
  void say(fellow_talk talk) {
    talk.from = fellow_id;
    talk.to = line_.id;
    source_.self()->send(reader_, talk);
  }

  /// The next message of this kind that comes to the source.
  template <class Message>
  [[nodiscard]] Message next() {
    std::optional<Message> message;
    const auto deadline = std::chrono::steady_clock::now() + tests::pipeline_patience;
    while (!message && std::chrono::steady_clock::now() < deadline) {
      source_.self()->send(reader_, source_alive_atom_v);
      source_.self()->receive([&](const Message& come) { message = come; }, caf::after(500ms) >> [] {});
    }
    EXPECT_TRUE(message.has_value()) << "nothing comes";
    return message.value_or(Message{});
  }

  /// The questions to the source until it has been asked for `chunk`.
  void await_question_for(std::uint32_t chunk) {
    const auto is_it = [&](const wanted_chunk& one) { return one.chunk == chunk; };
    while (std::ranges::none_of(questions_, is_it)) {
      const auto more = next<chunks_wanted>();
      if (more.chunks.empty())
        return;
      questions_.insert(questions_.end(), more.chunks.begin(), more.chunks.end());
    }
  }

  /// Returns when the reader has taken it.
  static void send(gpu::fabric& from, gpu::fabric_endpoint& to, std::span<const std::byte> sent,
                   std::uint64_t tag) {
    gpu::fabric_transfer transfer;
    to.send(sent, tag, transfer);
    const auto deadline = std::chrono::steady_clock::now() + tests::pipeline_patience;
    bool is_over = false;
    while (!is_over && std::chrono::steady_clock::now() < deadline) {
      from.progress();
      is_over = !from.take_completed().empty();
    }
    ASSERT_TRUE(is_over) << "it takes nothing";
    EXPECT_EQ(transfer.failure, nullptr);
  }

  /// As the source, everything that it was asked for.
  void answer_questions() {
    for (const auto& wanted : std::exchange(questions_, {}))
      send(source_fabric_, *to_reader_, chunks_.at(wanted.chunk), wanted.tag);
  }

  /// Plays the source and the stager until all of these chunks have been copied. They have to be right.
  [[nodiscard]] bool brings(std::set<std::uint32_t> chunks) {
    const auto deadline = std::chrono::steady_clock::now() + tests::pipeline_patience;
    while (!chunks.empty() && std::chrono::steady_clock::now() < deadline) {
      source_.self()->send(reader_, source_alive_atom_v);
      source_.self()->receive(
          [&](const chunks_wanted& more) {
            questions_.insert(questions_.end(), more.chunks.begin(), more.chunks.end());
          },
          caf::after(10ms) >> [] {});
      answer_questions();
      neighbours.self()->receive(
          [&](const chunk_ready& ready) {
            EXPECT_TRUE(
                std::ranges::equal(chunks_.at(ready.chunk), std::span{ready.data, planned_chunk_bytes}));
            chunks.erase(ready.chunk);
            neighbours.self()->send(reader_, slab_free{ready.chunk, ready.slab});
          },
          caf::after(10ms) >> [] {});
    }
    return chunks.empty();
  }

  /// Whether the fellow has been asked for anything that was not heard yet.
  [[nodiscard]] bool is_fellow_asked() {
    bool is_asked = false;
    for (bool is_any = true; is_any;) {
      is_any = false;
      source_.self()->receive(
          [&](const fellow_talk& talk) {
            is_any = true;
            is_asked = is_asked || !talk.wanted.empty();
          },
          caf::after(0s) >> [] {});
    }
    return is_asked;
  }

  tests::peer source_{system};
  tests::peer empty_{system}; ///< a source that has none of these chunks, and does not answer
  std::vector<bytes> chunks_; ///< as they are in the sources
  peer_line line_;            ///< of the reader
  const bytes rubbish_ = bytes(planned_chunk_bytes, std::byte{0xee});
  gpu::fabric_transfer rubbish_sent_; ///< outlives the fabric
  gpu::fabric source_fabric_{loopback()}, fellow_fabric_{loopback()};
  std::optional<gpu::fabric_endpoint> to_reader_, fellow_to_reader_;
  std::vector<wanted_chunk> questions_; ///< to the source, not answered yet
  wanted_chunk asked_;                  ///< of the fellow
  const std::set<std::uint32_t> all_{0, 1, 2, 3, 4, 5, 6, 7};
  peer_reader_actor reader_;
};

TEST_F(peer_reader_test, brings_everything_from_a_source) {
  begin();
  EXPECT_TRUE(brings(all_));
}

TEST_F(peer_reader_test, brings_from_a_fellow_what_it_has) {
  begin_beside_a_fellow();
  send(fellow_fabric_, *fellow_to_reader_, chunks_[0], asked_.tag);
  EXPECT_TRUE(brings(all_));
}

TEST_F(peer_reader_test, asks_a_fellow_that_is_introduced_again_after_its_source_is_lost) {
  begin_beside_a_fellow([&] {
    empty_.self()->send(reader_, the_fellow());
    empty_.self()->send(reader_, chunk_refused{0, "it ends"});
  });
  send(fellow_fabric_, *fellow_to_reader_, chunks_[0], asked_.tag);
  EXPECT_TRUE(brings(all_));
}

TEST_F(peer_reader_test, asks_the_source_for_what_a_fellow_refuses_whatever_it_says_then) {
  begin_beside_a_fellow();
  fellow_talk refusal;
  refusal.refused = {{3, asked_.tag}}; // Another number.
  refusal.here = {0};
  say(refusal);
  fellow_talk again;
  again.here = {0};
  say(again);
  EXPECT_TRUE(brings(all_));
  EXPECT_FALSE(is_fellow_asked());
}

TEST_F(peer_reader_test, gives_up_a_fellow_that_sends_wrong_bytes_and_tells_it_so) {
  begin_beside_a_fellow();
  send(fellow_fabric_, *fellow_to_reader_, rubbish_, asked_.tag);
  EXPECT_TRUE(next<fellow_talk>().is_over);
  fellow_talk question;
  question.wanted = {{1, 77}};
  say(question);
  EXPECT_TRUE(next<fellow_talk>().is_over) << "it would wait";
  fellow_talk has;
  has.here = {4, 5, 6, 7};
  say(has);
  EXPECT_TRUE(brings(all_));
  EXPECT_FALSE(is_fellow_asked());
}

TEST_F(peer_reader_test, gives_up_a_fellow_that_says_it_is_over) {
  begin_beside_a_fellow();
  fellow_talk last;
  last.is_over = true;
  say(last);
  EXPECT_TRUE(next<fellow_talk>().is_over);
  EXPECT_TRUE(brings(all_));
  EXPECT_FALSE(is_fellow_asked());
}

TEST_F(peer_reader_test, gets_nothing_of_a_fellow_under_the_tags_of_a_source) {
  begin_beside_a_fellow();
  await_question_for(1);
  const auto wanted = *std::ranges::find(questions_, 1u, &wanted_chunk::chunk);
  fellow_to_reader_->send(rubbish_, wanted.tag, rubbish_sent_);
  send(fellow_fabric_, *fellow_to_reader_, chunks_[0], asked_.tag); // Comes after the rubbish.
  EXPECT_TRUE(brings(all_)) << "the source was given up";
}

} // namespace
} // namespace ckpt::actors
