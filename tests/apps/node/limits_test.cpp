// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What a host may not give: threads, descriptors, memory, files to write to, time to run.

#include "io/fd.hpp"
#include "tests/apps/node/update_fixture.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class limits_test : public update_test {
protected:
  /// The node's command, for a shell: what it is to be put behind comes before it.
  arguments under(const std::string& script, const fs::path& checkpoint, const arguments& more = {}) {
    arguments command{"bash", "-c", script + " \"$@\"", "bash"};
    auto flags = node_arguments_;
    flags.insert(flags.end(), more.begin(), more.end());
    flags.insert(flags.end(), {"--endpoint", endpoint_});
    const auto node = node_command(checkpoint, scratch_.path() / "report.json", flags);
    command.insert(command.end(), node.begin(), node.end());
    return command;
  }

  int run_under(const std::string& script, const fs::path& checkpoint, const arguments& more = {}) {
    program node{under(script, checkpoint, more), scratch_.path() / "node.log"};
    const auto status = node.wait(patience);
    node_output_ = node.output();
    EXPECT_TRUE(status.has_value()) << "it hangs:\n" << node_output_;
    return status.value_or(-1000);
  }

  void expect_not_asked() {
    EXPECT_EQ(engine_->output().find("update"), std::string::npos) << engine_->output();
  }
};

TEST_F(limits_test, too_few_descriptors_are_said_before_the_engine_is_asked) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint, {"--workers", "8"});
  EXPECT_EQ(run_under("ulimit -n 64; exec", checkpoint, {"--inference-parallel-size", "8"}), 1)
      << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("raise ulimit -n"));
  expect_not_asked();
}

TEST_F(limits_test, too_few_threads_are_said_before_the_engine_is_asked) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint);
  fs::permissions(scratch_.path(), fs::perms::all);
  const auto status = run_under("setpriv --reuid 54321 --clear-groups true || exit 77; exec setpriv --reuid "
                                "54321 --clear-groups prlimit "
                                "--nproc=8:8",
                                checkpoint);
  if (status == 77)
    GTEST_SKIP() << "needs the right to become another user";
  EXPECT_EQ(status, 1) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("threads here, and the kernel gives no more than"));
  expect_not_asked();
}

TEST_F(limits_test, any_amount_of_address_space_ends_with_a_verdict) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer takes more than any of these";
#endif
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint);
  for (int kib = 100'000; kib <= 1'000'000; kib += 20'000) {
    const auto status = run_under("ulimit -v " + std::to_string(kib) + "; exec", checkpoint);
    EXPECT_TRUE(status == 0 || status == 1) << kib << " KiB: " << status << '\n' << node_output_;
    EXPECT_THAT(node_output_, HasSubstr(status == 0 ? ": updated" : "serves its old weights"));
  }
}

TEST_F(limits_test, too_little_memory_is_said_before_the_engine_is_asked) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint);
  EXPECT_EQ(run_under("exec", checkpoint, {"--inference-parallel-size", "4096", "--bucket-size", "1GiB"}), 1)
      << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("of memory here, and there are"));
  expect_not_asked();
}

TEST_F(limits_test, files_that_may_not_be_large_are_no_signal) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint);
  EXPECT_EQ(run_under("ulimit -f 1024; exec", checkpoint), 1) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("File too large"));
  expect_not_asked();
}

TEST_F(limits_test, a_reader_of_the_log_that_goes_away_does_not_end_the_update) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint);
  EXPECT_EQ(run_under("run() { \"$@\" 2>&1; echo status $? >&3; }; exec 3>&1; run", checkpoint), 0);
  program piped{under("set -o pipefail; { \"$@\" 2>&1; echo $? >" + (scratch_.path() / "status").string()
                          + "; } | head -n 1; exit 0;",
                      checkpoint),
                scratch_.path() / "piped.log"};
  EXPECT_EQ(piped.wait(patience), 0) << piped.output();
  EXPECT_EQ(read_file(scratch_.path() / "status"), "0\n");
  EXPECT_EQ(report().at("outcome"), "updated");
}

TEST_F(limits_test, a_host_that_was_stopped_itself_is_not_lost) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint, {"--worker-seconds-per-gib", "200"});
  auto node = start_node(checkpoint, {"--timeout", "30", "--host-timeout", "1"});
  ASSERT_TRUE(eventually([&] { return node->output().find("is ready") != std::string::npos; }))
      << node->output();
  node->send_signal(SIGSTOP);
  EXPECT_FALSE(node->wait(std::chrono::seconds{3}));
  node->send_signal(SIGCONT);
  EXPECT_EQ(node->wait(patience), 0) << node->output();
}

class report_test : public limits_test {
protected:
  void SetUp() override {
    checkpoint_ = make_checkpoint();
    start_engine(checkpoint_);
  }
  fs::path path(const char* name) const { return scratch_.path() / name; }
  fs::path checkpoint_;
};

TEST_F(report_test, follows_links_and_leaves_them) {
  std::ofstream{path("old.json")} << "old";
  fs::create_symlink("old.json", path("link.json"));
  fs::create_symlink("new.json", path("dangling.json"));
  EXPECT_EQ(run_node(checkpoint_, {"--report", path("link.json")}), 0) << node_output_;
  EXPECT_TRUE(fs::is_symlink(path("link.json")));
  EXPECT_EQ(read_report(path("old.json")).at("outcome"), "updated");
  EXPECT_EQ(run_node(checkpoint_, {"--report", path("dangling.json")}), 0) << node_output_;
  EXPECT_TRUE(fs::is_symlink(path("dangling.json")));
  EXPECT_EQ(read_report(path("new.json")).at("outcome"), "updated");
}

TEST_F(report_test, goes_to_what_is_open_without_replacing_it) {
  std::ofstream{path("out")} << "first line\n";
  EXPECT_EQ(run_under("exec >>" + path("out").string() + "; exec", checkpoint_, {"--report", "/dev/stdout"}),
            0);
  const auto text = read_file(path("out"));
  EXPECT_EQ(text.rfind("first line\n", 0), 0u) << text;
  EXPECT_THAT(text, HasSubstr("{\"outcome\":\"updated\""));
}

TEST_F(report_test, goes_to_what_is_open_behind_a_link) {
  fs::create_symlink("/dev/stdout", path("link"));
  EXPECT_EQ(run_under("exec >>" + path("out").string() + "; exec", checkpoint_, {"--report", path("link")}),
            0);
  EXPECT_THAT(read_file(path("out")), HasSubstr("engine " + endpoint_ + ": updated"));
  EXPECT_THAT(read_file(path("out")), HasSubstr("{\"outcome\":\"updated\""));
}

TEST_F(report_test, does_not_take_the_place_of_weights) {
  const auto shard = checkpoint_ / "model-00002-of-00003.safetensors";
  const auto bytes = fs::file_size(shard);
  fs::create_hard_link(shard, path("same"));
  for (const auto& file : {shard, path("same")}) {
    EXPECT_EQ(run_node(checkpoint_, {"--report", file}), 2);
    EXPECT_THAT(node_output_, HasSubstr("--report would replace " + shard.string()));
  }
  EXPECT_EQ(fs::file_size(shard), bytes);
}

TEST_F(report_test, replaces_no_device_and_no_pipe) {
  if (::mknod(path("device").c_str(), S_IFCHR | 0666, ::makedev(1, 3)) != 0)
    GTEST_SKIP() << "needs the right to make a device";
  EXPECT_EQ(run_node(checkpoint_, {"--report", path("device")}), 0) << node_output_;
  EXPECT_TRUE(fs::is_character_file(path("device")));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0666), 0);
  const io::fd reader{::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK)};
  EXPECT_EQ(run_node(checkpoint_, {"--report", path("pipe")}), 0) << node_output_;
  EXPECT_TRUE(fs::is_fifo(path("pipe")));
  std::string read(1 << 16, '\0');
  read.resize(
      static_cast<std::size_t>(std::max<ssize_t>(::read(reader.number(), read.data(), read.size()), 0)));
  EXPECT_THAT(read, HasSubstr("\"outcome\":\"updated\""));
}

TEST_F(report_test, that_cannot_be_written_after_all_is_an_error_of_its_own) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0666), 0);
  EXPECT_EQ(run_node(checkpoint_, {"--report", path("pipe")}), 1) << "nobody reads from it";
  EXPECT_THAT(node_output_, HasSubstr("engine " + endpoint_ + ": updated"));
  EXPECT_THAT(node_output_, HasSubstr("--report: open " + path("pipe").string()));
}

TEST_F(report_test, is_json_whatever_the_names_are) {
  const auto odd = scratch_.path() / "caf\xe9-\xff";
  fs::create_directory_symlink(checkpoint_, odd);
  EXPECT_EQ(run_node(odd, {"--report", path("odd.json"), "--checkpoint-name", "n\xc3("}), 0) << node_output_;
  const auto written = read_report(path("odd.json"));
  EXPECT_EQ(written.at("checkpoint").at("name"), "n?(");
  EXPECT_THAT(std::string{written.at("checkpoint").at("path").as_string()}, HasSubstr("caf?-?"));
}

} // namespace
} // namespace ckpt::tests
