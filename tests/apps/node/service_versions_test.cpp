// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Which content a resident node means by the name of a version: of one that was dropped, replaced, rolled back to,
// or is offered to hosts that join.

#include "tests/apps/node/service_fixture.hpp"

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// Takes five seconds for a checkpoint.
const arguments very_slow_engine{"--worker-seconds-per-gib", "200"};

class resident_versions_test : public service_test {
protected:
  void SetUp() override { checkpoint_ = make_checkpoint(); }

  [[nodiscard]] fs::path copy(const std::string& name) const {
    const auto to = scratch_.path() / name;
    fs::copy(checkpoint_, to);
    return to;
  }

  [[nodiscard]] std::size_t updates_of_engine() const {
    return read_report(scratch_.path() / "engine.json").at("updates").as_array().size();
  }

  /// Publishes it, and returns the id once the engine is being updated.
  [[nodiscard]] std::string publish_and_see_commit(const fs::path& checkpoint, const std::string& version) {
    EXPECT_EQ(publish(checkpoint, version, {}), 0) << said_;
    const auto which = id();
    EXPECT_TRUE(
        eventually([&] { return ask_node("status", {which}) == 0 && state() == "committing"; }, patience));
    return which;
  }

  fs::path checkpoint_;
};

TEST_F(resident_versions_test, commits_nothing_that_was_dropped) {
  start_serving(checkpoint_);
  start_service({"--resident-memory", "200MiB"});
  ASSERT_EQ(publish(checkpoint_, "v1", {"--prepare", "--wait"}), 0) << said_;
  const auto prepared = id();
  ASSERT_EQ(ask_node("drop", {"v1"}), 0) << said_;
  ASSERT_EQ(ask_node("status", {prepared}), 0);
  EXPECT_EQ(state(), "cancelled");
  EXPECT_EQ(answer().at("error"), "version v1 was dropped");
  EXPECT_EQ(publish(copy("other"), "v1"), 0) << "the name is free: " << said_;
  EXPECT_EQ(ask_node("commit", {prepared, "--wait"}), 2);
  EXPECT_THAT(said_, HasSubstr("cancelled"));
  EXPECT_EQ(updates_of_engine(), 1u);
}

TEST_F(resident_versions_test, reads_no_further_what_is_dropped) {
  start_serving(checkpoint_);
  start_service({"--resident-memory", "100MiB", "--read-limit", "64KiB"});
  ASSERT_EQ(publish(checkpoint_, "v1", {}), 0) << said_;
  const auto which = id();
  ASSERT_TRUE(eventually([&] { return ask_node("status", {which}) == 0 && state() == "preparing"; }));
  ASSERT_EQ(ask_node("drop", {"v1"}), 0) << said_;
  ASSERT_EQ(ask_node("status", {which}), 0);
  EXPECT_EQ(state(), "cancelled");
  EXPECT_EQ(ask_node("drop", {"v1"}), 2);
  EXPECT_THAT(said_, HasSubstr("no version v1 is known"));
}

TEST_F(resident_versions_test, drops_nothing_that_is_committing) {
  start_serving(checkpoint_, "sglang", very_slow_engine);
  start_service({"--resident-memory", "100MiB"});
  const auto which = publish_and_see_commit(checkpoint_, "v1");
  EXPECT_EQ(ask_node("drop", {"v1"}), 2);
  EXPECT_THAT(said_, HasSubstr("under way"));
  EXPECT_EQ(ask_node("status", {which, "--wait"}), 0) << said_;
  EXPECT_EQ(state(), "updated");
  ASSERT_EQ(ask_node("versions"), 0);
  EXPECT_TRUE(answer().at(0).at("served").as_bool()) << answer_;
}

} // namespace
} // namespace ckpt::tests
