// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/apps/node/two_runs.hpp"

#include "io/engine/update_lock.hpp"
#include "tests/support/safetensors_text.hpp"

#include <csignal>
#include <cstdlib>
#include <ostream>

namespace ckpt::tests {

namespace fs = std::filesystem;
using testing::HasSubstr;

void PrintTo(const first_failure& failure, std::ostream* out) { *out << failure.name; }

void resident_fault_test::SetUp() {
  // Of this test alone: another one may run beside it, and a GPU has one weight channel.
  ::setenv("STAND_IN_GPUS", "2", 1);
  ::setenv("STAND_IN_HOST", scratch_.path().c_str(), 1);
  checkpoint_ = make_checkpoint();
  node_arguments_ = {"--inference-parallel-size", "2"};
}

void resident_fault_test::start_both(const arguments& faults) {
  arguments flags{"--fault-updates", "1"};
  for (const auto& fault : faults)
    flags.insert(flags.end(), {"--fault", fault});
  start_workers(flags);
  flags = device_flags();
  flags.insert(flags.end(), {"--timeout", "8"});
  ::setenv("STAND_IN_REPORT", gpus_.c_str(), 1);
  start_service(flags);
  ::unsetenv("STAND_IN_REPORT");
}

void resident_fault_test::start_workers(const arguments& more) {
  auto flags = device_flags();
  flags.insert(flags.end(), {"--workers", "2"});
  flags.insert(flags.end(), more.begin(), more.end());
  start_serving(checkpoint_, "sglang", flags);
}

void resident_fault_test::start_engine_again() {
  start_workers({"--port", endpoint_.substr(endpoint_.rfind(':') + 1)});
}

void resident_fault_test::engine_fails() {
  const auto& faults = GetParam().faults;
  start_both(faults);
  EXPECT_NE(publish(checkpoint_, "v1"), 0) << node_->output();
  EXPECT_THAT(said_, HasSubstr(endpoint_)) << "the engine is named";
  if (faults.front().starts_with("die-at")) {
    EXPECT_EQ(engine_->wait(patience), -SIGKILL);
    start_engine_again();
  }
}

void resident_fault_test::engine_is_away() {
  start_both();
  engine_.reset();
  EXPECT_EQ(publish(checkpoint_, "v1"), 6) << node_->output();
  EXPECT_THAT(said_, HasSubstr(endpoint_ + " was not ready"));
  start_engine_again();
}

void resident_fault_test::engine_is_updated_by_another() {
  start_both();
  const io::update_lock of_another_node{io::parse_endpoint(endpoint_, "")};
  EXPECT_EQ(publish(checkpoint_, "v1"), 4) << node_->output();
  EXPECT_THAT(said_, HasSubstr("is being updated by another process"));
}

void resident_fault_test::fail_to_read(const fs::path& checkpoint, const fs::path& file,
                                       const std::function<void()>& damage) {
  start_both();
  ASSERT_EQ(publish(checkpoint, "v1", {"--prepare", "--wait"}), 0) << said_;
  damage();
  EXPECT_EQ(ask_node("commit", {id(), "--wait"}), 3) << node_->output();
  EXPECT_THAT(said_, HasSubstr(file.string()));
}

void resident_fault_test::file_shrinks() {
  const auto copy = scratch_.path() / "copy";
  fs::copy(checkpoint_, copy);
  const auto last = copy / "model-00003-of-00003.safetensors";
  fail_to_read(copy, last, [&] { fs::resize_file(last, fs::file_size(last) / 4); });
}

void resident_fault_test::file_in_memory_shrinks() {
  const temporary_directory memory{"/dev/shm"};
  const auto copy = make_checkpoint(24 << 20, 3, memory.path());
  const auto last = copy / "model-00003-of-00003.safetensors";
  fail_to_read(copy, last, [&] { fs::resize_file(last, fs::file_size(last) / 4); });
}

void resident_fault_test::disk_fails() {
  disk_.emplace(96 << 20);
  if (!disk_->is_mounted())
    GTEST_SKIP() << "needs the right to mount a loop device";
  const auto copy = make_checkpoint(24 << 20, 3, disk_->path());
  disk_->settle();
  fail_to_read(copy, copy / "model-0000", [&] { disk_->fail_after(8 << 20); });
}

void resident_fault_test::largest_group_does_not_fit() {
  constexpr auto bytes = std::uint64_t{1} << 38;
  const auto size = std::to_string(bytes);
  const auto path =
      scratch_.write("huge.safetensors",
                     file_text("{" + entry("huge", "U8", "[" + size + "]", "[0," + size + "]") + "}", 0));
  fs::resize_file(path, fs::file_size(path) + bytes); // All of it a hole.
  start_both();
  EXPECT_EQ(publish(path, "v1"), 1) << node_->output();
  EXPECT_THAT(said_, HasSubstr("memory"));
}

void resident_fault_test::broadcast_is_refused() {
  ::setenv("STAND_IN_REFUSED_BROADCAST", "3", 1);
  start_both();
  ::unsetenv("STAND_IN_REFUSED_BROADCAST");
  EXPECT_EQ(publish(checkpoint_, "v1"), 1) << node_->output();
  EXPECT_THAT(said_, HasSubstr("ncclBroadcast"));
}

TEST_P(resident_fault_test, disturbs_no_later_update_of_the_same_node) {
  const auto failing = GetParam().failing;
  (this->*(failing != nullptr ? failing : &resident_fault_test::engine_fails))();
  if (IsSkipped() || HasFatalFailure())
    return;
  ASSERT_EQ(publish(checkpoint_, "v2"), 0) << said_ << node_->output();
  const auto after_second = kept_by(node_->pid(), gpus_);
  EXPECT_EQ(after_second.opened, opened_by(GetParam().stagings));
  ASSERT_EQ(publish(checkpoint_, "v3"), 0) << said_ << node_->output();
  const auto after_third = kept_by(node_->pid(), gpus_);
  EXPECT_EQ(after_third.opened, opened_by(GetParam().stagings));
  EXPECT_FALSE(after_third.rings.empty());
  EXPECT_EQ(after_third.rings, after_second.rings);
  EXPECT_EQ(served_version(), "v3");
  EXPECT_TRUE(has_taken_all());
}

const first_failure failures[] = {
    {"answers_500", {"http-status:500"}},
    {"answers_500_in_the_middle", {"http-status-during:500:2"}},
    {"dies_in_the_middle", {"die-at:middle"}},
    {"never_starts_its_workers", {"never-start-workers"}},
    {"worker_fails_at_the_handle", {"handle-error"}},
    {"worker_fails_in_the_middle", {"bucket-error:middle"}},
    {"one_worker_fails_in_the_middle", {"bucket-error:middle", "one-worker-only:1"}},
    {"worker_raises_in_its_post_hook", {"post-hook-raises"}},
    {"worker_dies_in_the_middle", {"worker-dies:middle"}},
    {"worker_hangs_in_the_first_bucket", {"hang-at:first"}},
    {"engine_is_away", {}, &resident_fault_test::engine_is_away},
    {"engine_is_updated_by_another", {}, &resident_fault_test::engine_is_updated_by_another},
    {"file_shrinks", {}, &resident_fault_test::file_shrinks},
    {"file_in_memory_shrinks", {}, &resident_fault_test::file_in_memory_shrinks},
    {"disk_fails", {}, &resident_fault_test::disk_fails},
    {"largest_group_does_not_fit", {}, &resident_fault_test::largest_group_does_not_fit, 2},
};

INSTANTIATE_TEST_SUITE_P(of, resident_fault_test, testing::ValuesIn(failures), name_of_failure);

} // namespace ckpt::tests
