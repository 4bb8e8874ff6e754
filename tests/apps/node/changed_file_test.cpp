// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Checkpoints that somebody writes to while they are read. An engine may then have taken half of the old file
// and half of the new one, and nothing but the file's status tells: no such update may succeed. What becomes
// of names and links does not matter.

#include "io/fd.hpp"
#include "tests/apps/node/update_fixture.hpp"

#include <algorithm>
#include <functional>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// Slow enough that a test can step in while buckets are under way.
const arguments slow_engine{"--worker-seconds-per-gib", "200"};

constexpr std::string_view changed_file = "model-00002-of-00003.safetensors";

void rewrite(const fs::path& path, bool truncates) {
  auto content = read_file(path);
  const auto bytes = content.size();
  std::fill(content.begin() + static_cast<std::ptrdiff_t>(bytes / 2), content.end(), '*');
  const io::fd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC | (truncates ? O_TRUNC : 0))};
  ASSERT_TRUE(file);
  ASSERT_EQ(::pwrite(file.number(), content.data(), bytes, 0), static_cast<ssize_t>(bytes));
}

void rewrite_in_place(const fs::path& path) { rewrite(path, false); }
void copy_over(const fs::path& path) { rewrite(path, true); }

void rewrite_and_restore_the_time(const fs::path& path) {
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  rewrite(path, false);
  const timespec times[] = {status.st_atim, status.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

void truncate_and_extend(const fs::path& path) {
  const auto bytes = fs::file_size(path);
  fs::resize_file(path, bytes / 2);
  fs::resize_file(path, bytes);
}

void write_one_byte(const fs::path& path) {
  const io::fd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  ASSERT_TRUE(file);
  ASSERT_EQ(::pwrite(file.number(), "x", 1, static_cast<off_t>(fs::file_size(path) - 100)), 1);
}

struct change {
  const char* name;
  void (*make)(const fs::path&);
};

constexpr change changes[] = {
    {"rewritten_in_place", rewrite_in_place},
    {"rewritten_with_its_old_time", rewrite_and_restore_the_time},
    {"truncated_and_extended", truncate_and_extend},
    {"copied_over", copy_over},
    {"written_one_byte", write_one_byte},
};

enum class place : std::uint8_t { disk, memory };

class changed_file_test : public update_test {
protected:
  /// Starts an update of a slow engine, calls `act` in its middle, and returns the exit status.
  int run_and_act(const fs::path& checkpoint, const std::function<void()>& act) {
    auto node = start_and_reach_the_middle(checkpoint);
    act();
    const auto status = node->wait(patience);
    node_output_ = node->output();
    return status.value_or(-1000);
  }

  /// A copy that the engine can compare with whatever happens to `checkpoint`.
  [[nodiscard]] fs::path copy_of(const fs::path& checkpoint, const std::string& name) const {
    const auto copy = scratch_.path() / name;
    fs::copy(checkpoint, copy, fs::copy_options::recursive);
    return copy;
  }

  temporary_directory memory_{"/dev/shm"};
};

class written_to_test : public changed_file_test,
                        public testing::WithParamInterface<std::tuple<std::size_t, place>> {};

TEST_P(written_to_test, is_an_error_that_names_the_file_and_the_engine_is_told) {
  const auto& [which, where] = GetParam();
  const auto& change = changes[which];
  const auto checkpoint = make_checkpoint(24 << 20, 3, where == place::memory ? memory_.path() : fs::path{});
  start_engine(copy_of(checkpoint, "reference"), slow_engine);
  EXPECT_EQ(run_and_act(checkpoint, [&] { change.make(checkpoint / changed_file); }), 3) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr((checkpoint / changed_file).string()));
  EXPECT_EQ(report().at("cause").at("code"), "checkpoint_invalid");
  EXPECT_NE(report().at("engines").at(0).at("serves"), "updated");
  EXPECT_TRUE(eventually([&] {
    return engine_->output().find("gave up this weight update") != std::string::npos;
  })) << engine_->output();
  expect_nothing_left();
}

INSTANTIATE_TEST_SUITE_P(file, written_to_test,
                         testing::Combine(testing::Range<std::size_t>(0, std::size(changes)),
                                          testing::Values(place::disk, place::memory)),
                         [](const auto& one) {
                           return changes[std::get<0>(one.param)].name
                                  + std::string{std::get<1>(one.param) == place::disk ? "_on_disk"
                                                                                      : "_in_memory"};
                         });

TEST_F(changed_file_test, a_file_that_has_been_read_is_still_compared_at_the_end) {
  const auto checkpoint = make_checkpoint();
  const auto first = checkpoint / "model-00001-of-00003.safetensors";
  start_engine(copy_of(checkpoint, "reference"), slow_engine);
  EXPECT_EQ(run_and_act(checkpoint, [&] { write_one_byte(first); }), 3) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr(first.string()));
}

TEST_F(changed_file_test, a_link_that_leads_elsewhere_meanwhile_does_not_matter) {
  const auto checkpoint = make_checkpoint();
  const auto other = make_checkpoint(12 << 20, 3, memory_.path());
  const auto latest = scratch_.path() / "latest";
  fs::create_directory_symlink(checkpoint, latest);
  start_engine(checkpoint, slow_engine);
  EXPECT_EQ(run_and_act(latest,
                        [&] {
                          fs::create_directory_symlink(other, scratch_.path() / "next");
                          fs::rename(scratch_.path() / "next", latest);
                        }),
            0)
      << node_output_;
  EXPECT_THAT(engine_->output(), HasSubstr("verified bit for bit"));
}

TEST_F(changed_file_test, a_file_that_is_renamed_meanwhile_does_not_matter) {
  const auto reference = make_checkpoint();
  start_engine(reference, slow_engine);
  const auto checkpoint = copy_of(reference, "renamed");
  EXPECT_EQ(
      run_and_act(checkpoint, [&] { fs::rename(checkpoint / changed_file, checkpoint / "old.safetensors"); }),
      0)
      << node_output_;
  EXPECT_THAT(engine_->output(), HasSubstr("verified bit for bit"));
}

TEST_F(changed_file_test, a_file_that_is_removed_meanwhile_does_not_matter) {
  const auto reference = make_checkpoint();
  start_engine(reference, slow_engine);
  const auto checkpoint = copy_of(reference, "removed");
  EXPECT_EQ(run_and_act(checkpoint, [&] { fs::remove_all(checkpoint); }), 0) << node_output_;
  EXPECT_THAT(engine_->output(), HasSubstr("verified bit for bit"));
}

} // namespace
} // namespace ckpt::tests
