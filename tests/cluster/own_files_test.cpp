// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Hosts that join and have the checkpoint's files themselves: for what no source has, or has any longer.

#include "tests/cluster/peers_fixture.hpp"

#include <csignal>
#include <fstream>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class own_files_test : public cluster_peers_test {
protected:
  /// The joining host's own copy of the files.
  void copy_files() { fs::copy(expected_, own_, fs::copy_options::recursive); }

  /// Changes a byte in every 64 KiB of the tensors.
  void damage_copy() {
    constexpr std::streamoff first = 1 << 20, step = 64 << 10; // Behind the header.
    for (const auto& entry : fs::directory_iterator{own_}) {
      std::fstream file{entry.path(), std::ios::in | std::ios::out | std::ios::binary};
      const auto bytes = static_cast<std::streamoff>(entry.file_size());
      if (entry.path().extension() != ".safetensors")
        continue;
      ASSERT_GT(bytes, first);
      for (auto at = first; at < bytes; at += step) {
        file.seekg(at);
        const auto byte = static_cast<char>(file.get());
        file.seekp(at);
        file.put(static_cast<char>(~byte));
      }
      ASSERT_TRUE(file);
    }
  }

  void start_joining_with_files(const arguments& more = {}) {
    auto flags = alone(joiner);
    flags.insert(flags.end(), {"--checkpoint-path", own_});
    flags.insert(flags.end(), more.begin(), more.end());
    start_joining(joiner, flags);
  }

  void kill(unsigned host) {
    nodes_[host]->send_signal(SIGKILL);
    EXPECT_TRUE(nodes_[host]->wait(patience).has_value());
  }

  static constexpr unsigned joiner = 2;
  const fs::path own_ = scratch_.path() / "own";
};

TEST_F(own_files_test, are_not_read_while_sources_have_everything) {
  start_sources();
  copy_files();
  start_joining_with_files();
  expect_updated(joiner);
  EXPECT_THAT(node_output(joiner), Not(HasSubstr(own_.string())));
}

TEST_F(own_files_test, bring_what_a_source_had_that_dies) {
  start_sources(slow_engines);
  copy_files();
  start_joining_with_files();
  reach_the_middle_of(joiner);
  kill(1);
  expect_updated(joiner);
  EXPECT_THAT(node_output(joiner),
              AllOf(HasSubstr("weights that no other host has any more are read from " + own_.string()),
                    HasSubstr(virtual_hosts::address(1))));
}

TEST_F(own_files_test, bring_what_a_source_had_that_is_dead_already) {
  start_sources();
  copy_files();
  kill(1);
  start_joining_with_files();
  expect_updated(joiner);
  EXPECT_THAT(node_output(joiner), HasSubstr("to compare it with what the hosts had that do not answer"));
}

TEST_F(own_files_test, bring_everything_when_no_source_is_left) {
  start_sources();
  copy_files();
  kill(0);
  kill(1);
  start_joining_with_files({"--bucket-size", "4MiB", "--chunk-size", "1MiB"});
  expect_updated(joiner);
  // Another plan has other chunks: their digests are not those of the metas file.
  start_joining_with_files({"--bucket-size", "8MiB", "--chunk-size", "1MiB"});
  EXPECT_EQ(end_of(joiner), 5);
  EXPECT_THAT(node_output(joiner),
              AllOf(HasSubstr("another --bucket-size"), HasSubstr(virtual_hosts::address(0)),
                    HasSubstr(virtual_hosts::address(1))));
}

TEST_F(own_files_test, with_another_content_are_refused_before_an_engine_is_asked) {
  start_sources();
  copy_files();
  damage_copy();
  kill(1);
  start_joining_with_files();
  EXPECT_EQ(end_of(joiner), 5);
  EXPECT_THAT(node_output(joiner),
              AllOf(HasSubstr("nobody who is there has these bytes"), HasSubstr(virtual_hosts::address(1)),
                    HasSubstr("another content than those hosts had")));
  EXPECT_THAT(engines_[joiner].front()->output(), Not(HasSubstr("update 1")));
}

TEST_F(own_files_test, with_another_content_never_reach_an_engine) {
  start_sources(slow_engines);
  copy_files();
  damage_copy();
  start_joining_with_files();
  reach_the_middle_of(joiner);
  kill(1);
  EXPECT_EQ(end_of(joiner), 5);
  EXPECT_THAT(node_output(joiner),
              AllOf(HasSubstr("no host that has these bytes is left"), HasSubstr(virtual_hosts::address(1)),
                    HasSubstr("has other bytes than the hosts had")));
}

TEST_F(own_files_test, of_another_checkpoint_are_not_used) {
  start_sources();
  fs::create_directory(own_);
  fs::copy(expected_ / "model-00001-of-00003.safetensors", own_);
  start_joining_with_files();
  expect_updated(joiner);
  EXPECT_THAT(node_output(joiner), HasSubstr("not those of the version of --load-metas-file"));
}

} // namespace
} // namespace ckpt::tests
