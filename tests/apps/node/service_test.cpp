// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A node that stays: one update after the other, prepared while the engine serves, and rolled back.

#include "tests/apps/node/service_fixture.hpp"

#include "io/http/http_call.hpp"

#include <csignal>
#include <fstream>

#include <sys/stat.h>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::HasSubstr;

/// Changes one byte of the weights: the engine finds out at the end of the update.
void spoil(const fs::path& checkpoint) {
  for (const auto& entry : fs::directory_iterator{checkpoint})
    if (entry.path().extension() == ".safetensors") {
      std::fstream file{entry.path(), std::ios::in | std::ios::out | std::ios::binary};
      file.seekg(-1, std::ios::end);
      const auto last = static_cast<char>(file.get());
      file.seekp(-1, std::ios::end);
      file.put(static_cast<char>(last ^ 1));
      return;
    }
}

class resident_test : public service_test {
protected:
  void SetUp() override {
    checkpoint_ = make_checkpoint();
    start_serving(checkpoint_, "sglang", {"--workers", "2"});
    node_arguments_ = {"--inference-parallel-size", "2"};
  }

  [[nodiscard]] fs::path copy(const std::string& name) const {
    const auto to = scratch_.path() / name;
    fs::copy(checkpoint_, to);
    return to;
  }

  fs::path checkpoint_;
};

TEST_F(resident_test, makes_one_update_after_the_other_from_memory) {
  start_service({"--resident-memory", "200MiB"});
  for (int number = 1; number <= 4; ++number) {
    const auto version = "step-" + std::to_string(number);
    ASSERT_EQ(publish(checkpoint_, version), 0) << said_ << node_->output();
    EXPECT_EQ(state(), "updated");
    EXPECT_EQ(served_version(), version);
    EXPECT_TRUE(has_taken_all());
    const auto disk = answer().at("report").at("stages").at("disk");
    EXPECT_EQ(disk.at("in_place_bytes"), disk.at("bytes"))
        << "all of it was in memory before the engine was asked";
  }
  ASSERT_EQ(ask_node("versions"), 0);
  const auto versions = answer().as_array();
  ASSERT_EQ(versions.size(), 4u);
  EXPECT_TRUE(versions.back().at("served").as_bool());
  EXPECT_TRUE(versions.back().at("resident").as_bool());
  node_->send_signal(SIGTERM);
  EXPECT_EQ(node_->wait(patience), 0);
  EXPECT_FALSE(fs::exists(socket_));
  expect_nothing_left();
}

TEST_F(resident_test, reads_the_files_where_there_is_no_memory_for_them) {
  start_service();
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  ASSERT_EQ(publish(checkpoint_, "v2"), 0) << said_;
  EXPECT_TRUE(has_taken_all());
  EXPECT_EQ(served_version(), "v2");
}

TEST_F(resident_test, touches_no_engine_before_the_commit) {
  start_service({"--resident-memory", "100MiB"});
  ASSERT_EQ(publish(checkpoint_, "v1", {"--prepare", "--wait"}), 0) << said_;
  EXPECT_EQ(state(), "prepared");
  EXPECT_TRUE(read_report(scratch_.path() / "engine.json").at("updates").as_array().empty());
  fs::remove_all(checkpoint_ / "model.safetensors.index.json"); // What is in memory needs no file.
  ASSERT_EQ(ask_node("commit", {id(), "--wait"}), 0) << said_;
  EXPECT_EQ(state(), "updated");
  EXPECT_EQ(served_version(), "v1");
}

TEST_F(resident_test, reads_a_dropped_version_anew_even_if_it_was_only_prepared) {
  start_service({"--resident-memory", "200MiB"});
  const auto step = copy("step");
  spoil(step);
  ASSERT_EQ(publish(step, "v1", {"--prepare", "--wait"}), 0) << said_;
  ASSERT_EQ(ask_node("drop", {"v1"}), 0);
  fs::copy(checkpoint_, step, fs::copy_options::overwrite_existing | fs::copy_options::recursive);
  EXPECT_EQ(publish(step, "v1"), 0) << said_;
  EXPECT_TRUE(has_taken_all()) << "what is in the files now";
}

TEST_F(resident_test, can_be_cancelled_before_the_commit_only) {
  start_service();
  ASSERT_EQ(publish(checkpoint_, "v1", {"--prepare", "--wait"}), 0) << said_;
  const auto which = id();
  const io::http_endpoint node = io::parse_endpoint("http://localhost", socket_.string());
  io::http_call cancel{node, {io::http_request::verb::remove, "/v1/updates/" + which, {}}, {}, patience};
  while (!cancel.wait(patience)) {
  }
  ASSERT_FALSE(cancel.error()) << cancel.error().message();
  EXPECT_EQ(cancel.response().status, 200u);
  ASSERT_EQ(ask_node("status", {which}), 0);
  EXPECT_EQ(state(), "cancelled");
  EXPECT_NE(ask_node("commit", {which}), 0);
  EXPECT_THAT(said_, HasSubstr("cancelled"));
}

TEST_F(resident_test, is_asked_twice_and_makes_one_update) {
  start_service();
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  const auto first = id();
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  EXPECT_EQ(id(), first);
  EXPECT_EQ(publish(copy("other"), "v1"), 2);
  EXPECT_THAT(said_, HasSubstr("is known as " + checkpoint_.string()));
  EXPECT_EQ(read_report(scratch_.path() / "engine.json").at("updates").as_array().size(), 1u);
}

TEST_F(resident_test, is_asked_again_for_what_engines_no_longer_serve_and_pushes_it_again) {
  start_service({"--resident-memory", "200MiB"});
  const auto second = copy("second");
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  const auto first = id();
  EXPECT_EQ(ask_node("commit", {first, "--wait"}), 0) << "it is served: " << said_;
  ASSERT_EQ(publish(second, "v2"), 0) << said_;
  EXPECT_EQ(ask_node("commit", {first, "--wait"}), 2);
  EXPECT_THAT(said_, HasSubstr("serve something else by now"));
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  EXPECT_EQ(served_version(), "v1");
  ASSERT_EQ(publish(second, "v2"), 0) << said_;
  ASSERT_EQ(ask_node("rollback", {"--wait"}), 0) << said_;
  EXPECT_EQ(served_version(), "v1");
  ASSERT_EQ(publish(second.string() + "/", "v2"), 0) << said_;
  EXPECT_EQ(served_version(), "v2");
  const auto updates = [&] {
    return read_report(scratch_.path() / "engine.json").at("updates").as_array().size();
  };
  const auto before = updates();
  ASSERT_EQ(publish(second, "v2"), 0) << said_;
  EXPECT_EQ(updates(), before) << "served by all";
  ASSERT_EQ(publish(second, "v2", {"--force", "--wait"}), 0) << said_;
  EXPECT_EQ(updates(), before + 1) << "forced";
}

TEST_F(resident_test, tells_other_content_also_by_the_files_that_there_are) {
  start_service();
  const auto directory = copy("step");
  ASSERT_EQ(publish(directory, "v1"), 0) << said_;
  ASSERT_EQ(publish(copy("second"), "v2"), 0) << said_;
  ASSERT_EQ(publish(copy("third"), "v3"), 0) << said_;
  fs::remove_all(directory);
  fs::copy(write_small_checkpoint(scratch_.path() / "small", 1 << 20, 1), directory);
  EXPECT_EQ(publish(directory, "v1"), 2) << "not what it was";
  EXPECT_THAT(said_, HasSubstr("known with other content"));
  ASSERT_EQ(ask_node("drop", {"v1"}), 0) << said_;
  EXPECT_EQ(publish(directory, "v1"), 4) << "it is read, and the engine expects something else: " << said_;
}

TEST_F(resident_test, keeps_what_is_prepared_whatever_is_published_meanwhile) {
  start_service({"--resident-memory", "110MiB"}); // Four versions of 24 MiB.
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  ASSERT_EQ(publish(copy("2"), "v2"), 0) << said_;
  ASSERT_EQ(publish(copy("3"), "v3", {"--prepare", "--wait"}), 0) << said_;
  const auto prepared = id();
  for (const auto* name : {"4", "5"})
    ASSERT_EQ(publish(copy(name), std::string{"v"} + name), 0) << said_;
  fs::remove_all(scratch_.path() / "3");
  ASSERT_EQ(ask_node("commit", {prepared, "--wait"}), 0) << said_;
  EXPECT_EQ(served_version(), "v3");
  EXPECT_TRUE(has_taken_all());
}

TEST_F(resident_test, keeps_no_removed_file_open_that_is_in_memory) {
  start_service({"--resident-memory", "100MiB"});
  const auto directory = copy("step");
  ASSERT_EQ(publish(directory, "v1"), 0) << said_;
  fs::remove_all(directory);
  for (const auto& entry : fs::directory_iterator{"/proc/" + std::to_string(node_->pid()) + "/fd"}) {
    std::error_code gone;
    EXPECT_THAT(fs::read_symlink(entry.path(), gone).string(), testing::Not(HasSubstr(".safetensors")));
  }
}

TEST_F(resident_test, ends_while_it_prepares_when_it_is_told_to) {
  start_service({"--resident-memory", "100MiB", "--read-limit", "64KiB"});
  ASSERT_EQ(publish(checkpoint_, "v1", {}), 0) << said_;
  ASSERT_TRUE(eventually([&] { return ask_node("status", {id()}) == 0 && state() == "preparing"; }));
  node_->send_signal(SIGTERM);
  EXPECT_EQ(node_->wait(patience), 0) << node_->output();
}

TEST_F(resident_test, takes_other_content_under_a_known_name_for_what_it_is) {
  start_service({"--resident-memory", "200MiB"});
  const auto directory = copy("step");
  spoil(directory);
  ASSERT_EQ(publish(directory, "v1"), 4) << "not what the engine expects";
  fs::remove_all(directory);
  fs::copy(checkpoint_, directory);
  ASSERT_EQ(publish(directory, "v1"), 0) << "a name whose update failed is read anew: " << said_;
  EXPECT_TRUE(has_taken_all());
  spoil(directory);
  EXPECT_EQ(publish(directory, "v1"), 2) << "nothing has been done with what is there now";
  EXPECT_THAT(said_, HasSubstr("known with other content"));
  fs::remove_all(directory);
  EXPECT_EQ(publish(directory, "v1"), 0) << "it is served, and its files are gone: " << said_;
}

TEST_F(resident_test, rolls_back_to_the_version_before_after_a_failure_or_without_one) {
  start_service({"--resident-memory", "200MiB"});
  EXPECT_EQ(ask_node("rollback"), 2);
  EXPECT_THAT(said_, HasSubstr("no version before"));
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  ASSERT_EQ(publish(copy("second"), "v2"), 0) << said_;
  const auto spoilt = copy("third");
  spoil(spoilt);
  EXPECT_EQ(publish(spoilt, "v3"), 4);
  EXPECT_THAT(said_, HasSubstr(endpoint_));
  ASSERT_EQ(ask_node("rollback", {"--wait"}), 0) << "to the last good one: " << said_;
  EXPECT_EQ(served_version(), "v2");
  EXPECT_TRUE(has_taken_all());
  ASSERT_EQ(ask_node("rollback", {"--wait"}), 0) << said_;
  EXPECT_EQ(served_version(), "v1");
  EXPECT_EQ(ask_node("rollback", {"--wait"}), 2) << "there is no way back to what was rolled back";
  EXPECT_EQ(served_version(), "v1");
}

TEST_F(resident_test, goes_back_from_a_version_that_was_named_though_it_was_never_served) {
  start_service({"--resident-memory", "200MiB"});
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  ASSERT_EQ(publish(copy("second"), "v2", {"--prepare", "--wait"}), 0) << said_;
  ASSERT_EQ(ask_node("rollback", {"--version", "v2", "--wait"}), 0) << said_;
  EXPECT_EQ(served_version(), "v2");
  ASSERT_EQ(ask_node("rollback", {"--wait"}), 0) << said_;
  EXPECT_EQ(served_version(), "v1");
}

TEST_F(resident_test, rolls_back_by_itself_after_a_failure_if_it_is_to) {
  start_service({"--resident-memory", "200MiB", "--on-failure", "rollback"});
  ASSERT_EQ(ask_node("engines"), 0);
  EXPECT_TRUE(answer().at(0).at("version").is_null());
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  const auto spoilt = copy("second");
  spoil(spoilt);
  EXPECT_EQ(publish(spoilt, "v2"), 4);
  const auto rollback = answer().at("report").at("rollback");
  EXPECT_EQ(rollback.at("outcome"), "updated");
  EXPECT_EQ(rollback.at("version"), "v1");
  EXPECT_EQ(served_version(), "v1");
  EXPECT_TRUE(has_taken_all());
  ASSERT_EQ(ask_node("engines"), 0);
  const auto engines = answer();
  EXPECT_EQ(engines.at(0).at("endpoint").as_string(), endpoint_);
  EXPECT_EQ(engines.at(0).at("version"), "v1");
  EXPECT_EQ(engines.at(0).at("serves"), "updated");
}

TEST_F(resident_test, has_nothing_to_roll_back_to_when_the_first_update_fails) {
  start_service({"--on-failure", "rollback"});
  const auto spoilt = copy("other");
  spoil(spoilt);
  EXPECT_EQ(publish(spoilt, "v1"), 4);
  EXPECT_EQ(answer().at("report").at("rollback").at("outcome"), "impossible");
}

TEST_F(resident_test, says_what_is_wrong_with_a_checkpoint_and_goes_on) {
  start_service({"--resident-memory", "100MiB"});
  EXPECT_EQ(publish(scratch_.path() / "nowhere", "v1"), 3);
  EXPECT_THAT(said_, HasSubstr("nowhere"));
  EXPECT_EQ(state(), "failed");
  EXPECT_EQ(publish(checkpoint_, "v1"), 0) << "a version that failed may be asked for again: " << said_;
}

TEST_F(resident_test, keeps_no_more_in_memory_than_it_may) {
  start_service({"--resident-memory", "60MiB"}); // Two versions of 24 MiB.
  for (const auto* version : {"v1", "v2", "v3"})
    ASSERT_EQ(publish(checkpoint_, version), 0) << said_;
  ASSERT_EQ(ask_node("versions"), 0);
  std::uint64_t bytes = 0;
  const auto versions = answer().as_array();
  for (const auto& version : versions)
    bytes += version.at("memory_bytes").to_number<std::uint64_t>();
  EXPECT_LE(bytes, 60u << 20);
  EXPECT_EQ(ask_node("drop", {"v3"}), 2);
  EXPECT_THAT(said_, HasSubstr("what engines serve"));
}

TEST_F(resident_test, lets_in_its_own_user_alone) {
  start_service();
  struct stat status {};
  ASSERT_EQ(::stat(socket_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(resident_test, ends_in_the_middle_of_an_update_when_it_is_told_to) {
  start_serving(checkpoint_, "sglang", {"--workers", "2", "--worker-seconds-per-gib", "400"});
  start_service();
  ASSERT_EQ(publish(checkpoint_, "v1", {}), 0) << said_;
  ASSERT_TRUE(eventually([&] { return ask_node("status", {id()}) == 0 && state() == "committing"; }));
  node_->send_signal(SIGTERM);
  EXPECT_EQ(node_->wait(patience), 1) << "the engine felt it: " << node_->output();
  expect_nothing_left();
  node_.reset();
}

} // namespace
} // namespace ckpt::tests
