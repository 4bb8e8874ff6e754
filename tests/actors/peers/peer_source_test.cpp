// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A real source. The test is the hosts that join.

#include "actors/peers/peer_source.hpp"

#include "actors/update/chunk_source.hpp"
#include "tests/actors/update/pipeline_fixture.hpp"
#include "tests/support/safetensors_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors {
namespace {

using testing::HasSubstr;

/// A source of a file with a tensor of 20,000 bytes, and hosts that join.
class peer_source_test : public tests::pipeline_test {
protected:
  peer_source_test() {
    directory_.write("a.safetensors",
                     tests::file_text('{' + tests::entry("a", "U8", "[20000]", "[0,20000]") + '}', 0)
                         + std::string(20'000, 'x'));
    weights_version version;
    version.checkpoint = io::open_checkpoint(directory_.path());
    version.plan = io::plan_buckets(version.checkpoint, {16 << 10, 8 << 10});
    const cluster_layout layout;
    const auto chunks = owned_chunks(layout, version.plan);
    chunk_count_ = version.plan.chunks.size();
    version.resident = std::make_shared<const io::resident_chunks>(version.checkpoint, version.plan, chunks,
                                                                   io::resident_options{}, std::stop_token{});
    network_.network_devices = "lo";
    network_.transports = "tcp";
    joining_.emplace(network_);
    secret_->set("the secret");
    peer_source_options options;
    options.share = share_of(version, layout, "node0");
    options.version = std::make_shared<const weights_version>(std::move(version));
    options.secret = secret_;
    options.chunk_bytes = 8 << 10;
    options.network = network_;
    source_ = keep(system.spawn(peer_source, std::move(options)));
  }

  ~peer_source_test() override {
    secret_->withdraw();
    neighbours.end(caf::actor_cast<caf::actor>(source_)); // Before those to whom it is connected.
  }

  [[nodiscard]] cause answer_to(const peer_hello& hello) {
    cause failed{ec::unspecified, "no answer"};
    neighbours.self()
        ->request(source_, tests::pipeline_patience, hello)
        .receive([&](const peer_share& share) { failed = share.failed; },
                 [](const caf::error&) { ADD_FAILURE() << "no answer"; });
    return failed;
  }

  /// What a host says that joins, and takes a share of this digest.
  [[nodiscard]] peer_line line_of(std::uint64_t id, std::uint64_t share_digest) const {
    const auto address = joining_->address();
    return {"the secret", address, {}, id, "node" + std::to_string(id), address, share_digest};
  }

  [[nodiscard]] cause join(tests::peer& host, const peer_line& line) {
    cause failed{ec::unspecified, "no answer"};
    host.self()
        ->request(source_, tests::pipeline_patience, line)
        .receive([&](const peer_line& answer) { failed = answer.failed; },
                 [](const caf::error&) { ADD_FAILURE() << "no answer"; });
    return failed;
  }

  /// The host that this one has been introduced to, of those that it has not heard of yet; 0: none.
  [[nodiscard]] std::uint64_t introduced_to(tests::peer& host) {
    std::uint64_t id = 0;
    host.self()->receive([&](const fellow& other) { id = other.id; },
                         caf::after(std::chrono::seconds{0}) >> [] {});
    return id;
  }

  /// The next talk that comes to a host, by its first chunk.
  [[nodiscard]] std::optional<std::uint32_t> heard_by(tests::peer& host) {
    std::optional<std::uint32_t> chunk;
    host.self()->receive([&](const fellow_talk& talk) { chunk = talk.here.at(0); },
                         caf::after(tests::pipeline_patience) >> [] {});
    return chunk;
  }

  tests::temporary_directory directory_{std::filesystem::current_path()};
  std::size_t chunk_count_ = 0;
  gpu::fabric_options network_;
  std::optional<gpu::fabric> joining_; ///< of all hosts that join
  std::shared_ptr<peer_secret> secret_ = std::make_shared<peer_secret>();
  peer_source_actor source_;
  tests::peer one_{system}, other_{system}, third_{system};
};

TEST_F(peer_source_test, tells_what_it_has_to_those_who_know_the_secret) {
  EXPECT_EQ(answer_to({protocol_version, "the secret", "node1", false}).code, ec::none);
  const auto refused = answer_to({protocol_version, "another one", "node1", false});
  EXPECT_EQ(refused.code, ec::host_disagrees);
  EXPECT_THAT(refused.what, HasSubstr("node0 has another secret"));
}

TEST_F(peer_source_test, refuses_another_version_of_this_program) {
  for (const auto protocol : {protocol_version - 1, protocol_version + 1}) {
    const auto refused = answer_to({protocol, "the secret", "node1", false});
    EXPECT_EQ(refused.code, ec::host_disagrees);
    EXPECT_THAT(refused.what, HasSubstr("node0 has another version of this program"));
  }
}

TEST_F(peer_source_test, keeps_no_name_or_address_that_is_too_long) {
  auto line = line_of(1, 7);
  line.name.assign(peer_name_bytes_max + 1, 'n');
  EXPECT_EQ(join(one_, line).code, ec::host_disagrees);
  line = line_of(1, 7);
  line.exchange_address.resize(peer_address_bytes_max + 1);
  EXPECT_EQ(join(one_, line).code, ec::host_disagrees);
  line = line_of(1, 7);
  line.data_address.resize(peer_address_bytes_max + 1);
  EXPECT_EQ(join(one_, line).code, ec::host_disagrees);
  EXPECT_EQ(join(one_, line_of(1, 7)).code, ec::none);
}

TEST_F(peer_source_test, introduces_hosts_that_take_the_same_share) {
  ASSERT_EQ(join(one_, line_of(1, 7)).code, ec::none);
  ASSERT_EQ(join(other_, line_of(2, 8)).code, ec::none);
  EXPECT_EQ(introduced_to(other_), 0u) << "it takes another share";
  ASSERT_EQ(join(third_, line_of(3, 7)).code, ec::none);
  EXPECT_EQ(introduced_to(third_), 1u);
  EXPECT_EQ(introduced_to(third_), 0u);
  EXPECT_EQ(introduced_to(one_), 3u);
  EXPECT_EQ(introduced_to(one_), 0u);
}

TEST_F(peer_source_test, introduces_nobody_who_takes_part_in_no_exchange) {
  auto line = line_of(1, 7);
  line.exchange_address.clear();
  ASSERT_EQ(join(one_, line).code, ec::none);
  ASSERT_EQ(join(other_, line_of(0, 7)).code, ec::none);
  ASSERT_EQ(join(third_, line_of(3, 7)).code, ec::none);
  EXPECT_EQ(introduced_to(third_), 0u);
}

TEST_F(peer_source_test, passes_on_what_is_not_too_long_to_those_who_know_each_other) {
  ASSERT_EQ(join(one_, line_of(1, 7)).code, ec::none);
  ASSERT_EQ(join(other_, line_of(2, 7)).code, ec::none);
  fellow_talk talk;
  talk.from = 1;
  talk.to = 2;
  talk.here.assign(chunk_count_ + 1, 40);
  one_.self()->send(source_, talk);
  talk.here = {41};
  talk.from = 2; // It is not.
  one_.self()->send(source_, talk);
  talk.from = 1;
  talk.here = {42};
  one_.self()->send(source_, talk);
  EXPECT_EQ(heard_by(other_), 42u);
}

} // namespace
} // namespace ckpt::actors
