// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Which content a resident node means by the name of a version: of one that was dropped, replaced, rolled back to,
// or is offered to hosts that join.

#include "tests/apps/node/service_fixture.hpp"

#include <csignal>

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

  /// Starts an engine more; endpoint_ is its.
  void start_another_engine() {
    others_.push_back(std::move(engine_));
    start_engine(checkpoint_, {"--readiness", "serving"});
  }

  /// The version that hosts that join get; empty when the file is not there.
  [[nodiscard]] std::string offered_version() const {
    if (!fs::exists(metas_))
      return {};
    return std::string{boost::json::parse(read_file(metas_)).at("weight_version").as_string()};
  }

  fs::path checkpoint_;
  fs::path metas_ = scratch_.path() / "metas.json";
  std::vector<std::unique_ptr<program>> others_; ///< engines
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

TEST_F(resident_versions_test, goes_back_once_when_it_is_asked_twice) {
  start_serving(checkpoint_);
  start_service({"--resident-memory", "200MiB"});
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  for (const auto* const version : {"v2", "v3"})
    ASSERT_EQ(publish(copy(version), version), 0) << said_;
  engine_->send_signal(SIGSTOP); // So the first is not over when the second is asked for.
  ASSERT_EQ(ask_node("rollback"), 0) << said_;
  const auto first = id();
  ASSERT_EQ(ask_node("rollback"), 0) << said_;
  EXPECT_EQ(id(), first);
  engine_->send_signal(SIGCONT);
  ASSERT_EQ(ask_node("status", {first, "--wait"}), 0) << said_;
  EXPECT_EQ(served_version(), "v2");
  ASSERT_EQ(ask_node("rollback", {"--wait"}), 0) << said_;
  EXPECT_EQ(served_version(), "v1") << "the first is over: this is another one";
}

TEST_F(resident_versions_test, offers_what_one_engine_after_the_other_was_given) {
  start_serving(checkpoint_);
  const auto first = endpoint_;
  start_another_engine();
  start_service({"--endpoint", first, "--resident-memory", "200MiB", "--save-metas-file", metas_});
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  ASSERT_EQ(publish(copy("second"), "v2", {"--engine", first, "--wait"}), 0) << said_;
  EXPECT_EQ(offered_version(), "v1") << "one engine serves it";
  const auto before = read_file(metas_);
  ASSERT_EQ(publish(checkpoint_, "v1", {"--engine", first, "--wait"}), 0) << said_;
  EXPECT_EQ(read_file(metas_), before) << "what was served, and is again";
  for (const auto& engine : {first, endpoint_})
    ASSERT_EQ(publish(scratch_.path() / "second", "v2", {"--engine", engine, "--wait"}), 0) << said_;
  EXPECT_EQ(offered_version(), "v2");
  ASSERT_EQ(ask_node("metas"), 0) << said_;
  EXPECT_EQ(answer(), boost::json::parse(read_file(metas_)));
  start_another_engine();
  program joining{joining_command(metas_, scratch_.path() / "join.json",
                                  {"--inference-parallel-size", "1", "--endpoint", endpoint_}),
                  scratch_.path() / "join.log"};
  EXPECT_EQ(joining.wait(patience), 0) << joining.output() << node_->output();
  EXPECT_EQ(served_version(), "v2");
}

TEST_F(resident_versions_test, offers_no_version_that_engines_serve_no_longer) {
  start_serving(checkpoint_);
  start_service({"--resident-memory", "40MiB", "--save-metas-file", metas_}); // One version of 24 MiB.
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  EXPECT_EQ(offered_version(), "v1");
  ASSERT_EQ(publish(copy("second"), "v2"), 0) << said_;
  EXPECT_EQ(offered_version(), "") << "the new one is not in memory";
  EXPECT_EQ(ask_node("metas"), 2);
}

TEST_F(resident_versions_test, takes_other_content_of_the_same_name_for_another_version) {
  start_serving(checkpoint_);
  const auto first = endpoint_;
  start_another_engine();
  start_service({"--endpoint", first, "--resident-memory", "200MiB"});
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  ASSERT_EQ(publish(copy("second"), "v2", {"--engine", first, "--wait"}), 0) << said_;
  ASSERT_EQ(ask_node("drop", {"v2"}), 0) << said_;
  const auto third = copy("third");
  ASSERT_EQ(publish(third, "v2", {"--engine", endpoint_, "--wait"}), 0) << said_;
  ASSERT_EQ(ask_node("versions"), 0);
  const auto versions = answer().as_array();
  for (const auto& version : versions)
    EXPECT_EQ(version.at("served").as_bool(), version.at("version") == "v1") << answer_;
  ASSERT_EQ(publish(third, "v2", {"--engine", first, "--wait"}), 0) << said_;
  EXPECT_EQ(updates_of_engine(), 3u) << "it is not what the engine has under this name";
  ASSERT_EQ(ask_node("versions"), 0);
  EXPECT_TRUE(answer().as_array().back().at("served").as_bool()) << answer_;
}

} // namespace
} // namespace ckpt::tests
