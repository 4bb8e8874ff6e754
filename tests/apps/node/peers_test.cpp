// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Engines that take their weights from the memory of a host that keeps them: the files are gone by then.

#include "tests/apps/node/update_fixture.hpp"
#include "tests/support/hung_mount.hpp"
#include "tests/support/process_memory.hpp"

#include <chrono>
#include <csignal>
#include <fstream>
#include <string_view>

#include <sys/stat.h>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

/// True once a SIGTERM no longer ends the process by itself. That it is blocked would not say so: before the
/// program begins, posix_spawn() blocks all signals.
[[nodiscard]] bool waits_for_signals(pid_t process) {
  std::error_code error; // What is gone by the time it is looked at is no signalfd.
  for (fs::directory_iterator at{"/proc/" + std::to_string(process) + "/fd", error}, end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;
    if (fs::read_symlink(at->path(), gone) == "anon_inode:[signalfd]")
      return true;
  }
  return false;
}

class peers_test : public update_test {
protected:
  ~peers_test() override { remove_marks(read_file(scratch_.path() / "source.log")); }

  void SetUp() override {
    checkpoint_ = make_checkpoint();
    fs::copy(checkpoint_, expected_, fs::copy_options::recursive);
  }

  /// Starts an engine and a node that updates it, and stays as a source. Then removes the files.
  void start_source(const arguments& more = {}) {
    start_engine(expected_, {"--workers", "2"});
    source_engine_ = std::move(engine_);
    source_endpoint_ = endpoint_;
    arguments flags{"--inference-parallel-size", "2",    "--endpoint",   endpoint_,
                    "--save-metas-file",         metas_, "--sleep-time", "600"};
    flags.insert(flags.end(), more.begin(), more.end());
    source_ = std::make_unique<program>(node_command(checkpoint_, scratch_.path() / "source.json", flags),
                                        scratch_.path() / "source.log");
    ASSERT_TRUE(eventually([&] { return fs::exists(metas_); }, patience)) << source_->output();
    fs::remove_all(checkpoint_);
  }

  [[nodiscard]] std::unique_ptr<program> start_joining(const arguments& more = {}) {
    arguments flags{"--endpoint", endpoint_};
    flags.insert(flags.end(), node_arguments_.begin(), node_arguments_.end());
    flags.insert(flags.end(), more.begin(), more.end());
    return std::make_unique<program>(joining_command(metas_, scratch_.path() / "report.json", flags),
                                     scratch_.path() / "node.log");
  }

  /// The exit status; what it printed is in node_output_.
  int join(const arguments& more = {}) {
    const auto joining = start_joining(more);
    const auto status = joining->wait(patience);
    node_output_ = joining->output();
    EXPECT_TRUE(status.has_value()) << "it hangs:\n" << node_output_;
    return status.value_or(-1000);
  }

  /// Replaces text in the metas file.
  void change_metas(const std::string& from, const std::string& to) {
    auto text = read_file(metas_);
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << text;
    text.replace(at, from.size(), to);
    std::ofstream{metas_} << text;
  }

  [[nodiscard]] std::string metas_text(const std::string& member) const {
    return std::string{boost::json::parse(read_file(metas_)).at(member).as_string()};
  }

  void expect_refused(int status, const std::string& why) {
    EXPECT_EQ(join(), status) << node_output_;
    EXPECT_THAT(node_output_, HasSubstr(why));
    EXPECT_THAT(engine_->output(), Not(HasSubstr("update 1")));
  }

  fs::path checkpoint_;
  const fs::path expected_ = scratch_.path() / "expected";
  const fs::path metas_ = scratch_.path() / "metas.json";
  std::unique_ptr<program> source_engine_, source_;
  std::string source_endpoint_;
};

TEST_F(peers_test, brings_a_new_engine_every_tensor_from_memory) {
  start_source({"--weight-version", "step-7", "--update-method", "all"});
  const auto before = source_engine_->output();
  for (const auto* const workers : {"1", "3"}) {
    start_engine(expected_, {"--workers", workers});
    node_arguments_ = {"--inference-parallel-size", workers};
    EXPECT_EQ(join(), 0) << node_output_ << source_->output();
    EXPECT_THAT(engine_->output(), HasSubstr("verified bit for bit"));
    EXPECT_THAT(engine_->output(), HasSubstr("step-7"));
    EXPECT_EQ(report().at("stages").at("disk").at("engine"), "peers") << report();
  }
  EXPECT_EQ(source_engine_->output(), before) << "it serves undisturbed";
  source_->send_signal(SIGTERM);
  EXPECT_EQ(source_->wait(patience), 0) << source_->output();
}

TEST_F(peers_test, a_host_that_joined_is_a_source_itself) {
  start_source({"--weight-version", "step-7"});
  start_engine(expected_, {"--workers", "2"});
  const auto first_joined_engine = std::move(engine_);
  const auto second_metas = scratch_.path() / "second.json";
  node_arguments_ = {"--inference-parallel-size", "2"};
  const auto first_joined = start_joining({"--save-metas-file", second_metas, "--sleep-time", "600"});
  ASSERT_TRUE(eventually([&] { return fs::exists(second_metas); }, patience)) << first_joined->output();
  source_->send_signal(SIGKILL);
  fs::rename(second_metas, metas_);
  start_engine(expected_, {"--workers", "3"});
  const auto command = joining_command(metas_, scratch_.path() / "second-report.json",
                                       {"--inference-parallel-size", "3", "--endpoint", endpoint_});
  program second{command, scratch_.path() / "second.log"};
  EXPECT_EQ(second.wait(patience), 0) << second.output() << first_joined->output();
  EXPECT_THAT(engine_->output(), HasSubstr("verified bit for bit"));
  EXPECT_THAT(engine_->output(), HasSubstr("step-7"));
  first_joined->send_signal(SIGTERM);
  EXPECT_EQ(first_joined->wait(patience), 0) << first_joined->output();
}

TEST_F(peers_test, are_asked_for_everything_where_the_files_of_a_joining_host_do_not_answer) {
  const hung_mount mount{scratch_.path() / "hung"};
  if (!mount.is_mounted())
    GTEST_SKIP() << "needs the right to mount";
  start_source();
  start_engine(expected_, {"--workers", "2"});
  node_arguments_ = {"--inference-parallel-size", "2"};
  // A sanitizer that looks for leaks stops all threads first, which it cannot do with the one that hangs.
  ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  // The headers take all of the time that any single wait has.
  EXPECT_EQ(join({"--checkpoint-path", mount.path() / "weights", "--timeout", "10"}), 0) << node_output_;
  ::unsetenv("ASAN_OPTIONS");
  EXPECT_THAT(node_output_, HasSubstr("the file system does not answer"));
  EXPECT_THAT(engine_->output(), HasSubstr("verified bit for bit"));
}

TEST_F(peers_test, serves_several_at_once) {
  start_source();
  std::vector<std::unique_ptr<program>> engines, nodes;
  for (int i = 0; i < 3; ++i) {
    start_engine(expected_);
    engines.push_back(std::move(engine_));
    const auto command = joining_command(metas_, scratch_.path() / ("report-" + std::to_string(i)),
                                         {"--inference-parallel-size", "1", "--endpoint", endpoint_});
    nodes.push_back(std::make_unique<program>(command, scratch_.path() / ("joining-" + std::to_string(i))));
  }
  for (const auto& node : nodes) {
    EXPECT_EQ(node->wait(patience), 0) << node->output();
    remove_marks(node->output());
  }
  for (const auto& engine : engines)
    EXPECT_THAT(engine->output(), HasSubstr("verified bit for bit"));
}

TEST_F(peers_test, writes_a_file_that_only_its_owner_reads) {
  start_source();
  struct stat status {};
  ASSERT_EQ(::stat(metas_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_THAT(source_->output(), Not(HasSubstr(metas_text("secret"))));
}

TEST_F(peers_test, needs_the_secret) {
  start_source();
  start_engine(expected_);
  auto secret = metas_text("secret");
  change_metas(secret, std::string(secret.size(), '0'));
  expect_refused(5, "has another secret");
}

TEST_F(peers_test, takes_nothing_but_the_version_of_the_file) {
  start_source();
  start_engine(expected_);
  change_metas(metas_text("tables"), "0123456789abcdef");
  expect_refused(5, "another version than the file says");
}

TEST_F(peers_test, is_not_called_what_it_is_not) {
  start_source({"--weight-version", "step-7"});
  start_engine(expected_);
  node_arguments_ = {"--weight-version", "step-8"};
  expect_refused(2, "have version step-7");
}

TEST_F(peers_test, says_which_host_is_not_there) {
  start_source();
  start_engine(expected_);
  source_->send_signal(SIGTERM);
  EXPECT_EQ(source_->wait(patience), 0) << source_->output();
  expect_refused(5, "none of the hosts of --load-metas-file has weights to give");
  EXPECT_THAT(node_output_, HasSubstr("at 127.0.0.1:"));
}

TEST_F(peers_test, does_not_believe_a_stranger_on_the_way) {
  start_source();
  start_engine(expected_);
  change_metas("127.0.0.1", "10.1.2.3");
  expect_refused(2, "--insecure-network");
}

TEST_F(peers_test, a_signal_while_it_joins_ends_it) {
  start_source();
  start_engine(expected_);
  source_->send_signal(SIGSTOP); // So it waits.
  const auto joining = start_joining();
  ASSERT_TRUE(eventually([&] { return waits_for_signals(joining->pid()); }));
  joining->send_signal(SIGTERM);
  EXPECT_EQ(joining->wait(std::chrono::seconds{15}), 1) << joining->output();
  EXPECT_THAT(joining->output(), HasSubstr("interrupted before any engine was asked"));
  EXPECT_THAT(engine_->output(), Not(HasSubstr("update 1")));
}

TEST_F(peers_test, does_not_replace_weights_by_its_file) {
  start_engine(expected_);
  EXPECT_EQ(run_node(checkpoint_, {"--save-metas-file", checkpoint_ / "model-00001-of-00003.safetensors",
                                   "--sleep-time", "1"}),
            2)
      << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("--save-metas-file would replace"));
}

TEST_F(peers_test, refuses_a_file_of_the_reference) {
  start_engine(expected_);
  std::ofstream{metas_} << "\x80\x04\x95 pickled";
  expect_refused(2, "is a pickle");
}

TEST_F(peers_test, never_passes_on_what_rotted_in_a_source) {
  start_source();
  start_engine(expected_);
  // The last bytes of a file belong to a tensor.
  const auto content = read_file(expected_ / "model-00001-of-00003.safetensors");
  ASSERT_GT(flip_a_bit(source_->pid(), content.substr(content.size() - 64)), 0u);
  EXPECT_EQ(join(), 5) << node_output_;
  EXPECT_THAT(node_output_, HasSubstr("its memory is not to be trusted"));
  EXPECT_THAT(engine_->output(), Not(HasSubstr("verified")));
}

class lost_source_test : public peers_test, public testing::WithParamInterface<int> {};

TEST_P(lost_source_test, ends_the_update_and_is_named) {
  start_source();
  start_engine(expected_, {"--worker-seconds-per-gib", "800"});
  node_arguments_ = {"--inference-parallel-size", "1"};
  const auto joining = start_joining();
  ASSERT_TRUE(eventually([&] { return joining->output().find("is ready") != std::string::npos; }))
      << joining->output();
  source_->send_signal(GetParam());
  EXPECT_EQ(joining->wait(patience), 5) << joining->output();
  EXPECT_THAT(joining->output(), HasSubstr("no host that has these bytes is left"));
  EXPECT_THAT(joining->output(), HasSubstr("at 127.0.0.1:"));
  EXPECT_THAT(engine_->output(), Not(HasSubstr("verified")));
  source_->send_signal(SIGKILL);
  expect_nothing_left();
}

INSTANTIATE_TEST_SUITE_P(
    by, lost_source_test, testing::Values(SIGKILL, SIGSTOP, SIGTERM), [](const auto& one) {
      return std::string{one.param == SIGKILL ? "kill" : one.param == SIGSTOP ? "stop" : "end"};
    });

struct refusal {
  const char* name;
  arguments flags;
  const char* why;
};

void PrintTo(const refusal& one, std::ostream* out) { *out << one.name; }

class peer_flags_test : public peers_test, public testing::WithParamInterface<refusal> {};

TEST_P(peer_flags_test, that_make_no_sense_are_refused) {
  arguments command{CKPT_ACTOR_NODE};
  command.insert(command.end(), GetParam().flags.begin(), GetParam().flags.end());
  program node{command, scratch_.path() / "node.log"};
  EXPECT_EQ(node.wait(patience), 2) << node.output();
  EXPECT_THAT(node.output(), HasSubstr(GetParam().why));
}

const refusal refusals[] = {
    {"p2p_from_nobody", {"--update-method", "p2p"}, "name them with --load-metas-file"},
    {"all_without_an_offer", {"--update-method", "all", "--checkpoint-path", "x"}, "--save-metas-file"},
    {"no_such_file", {"--load-metas-file", "/nowhere/metas"}, "/nowhere/metas"},
    {"save_without_time", {"--checkpoint-path", "x", "--save-metas-file", "metas"}, "--sleep-time"},
    {"save_where_nothing_can_be",
     {"--checkpoint-path", "x", "--sleep-time", "1", "--save-metas-file", "/proc/x"},
     "--save-metas-file /proc/x: cannot be written"},
    {"open_to_anybody",
     {"--checkpoint-path", "x", "--sleep-time", "1", "--save-metas-file", "metas", "--peer-address",
      "10.1.2.3"},
     "the weights would be open to anybody"},
    {"no_address_at_all",
     {"--checkpoint-path", "x", "--sleep-time", "1", "--save-metas-file", "metas", "--peer-address",
      "0.0.0.0", "--insecure-network"},
     "no address that others can connect to"}};

INSTANTIATE_TEST_SUITE_P(flags, peer_flags_test, testing::ValuesIn(refusals),
                         [](const auto& one) { return std::string{one.param.name}; });

} // namespace
} // namespace ckpt::tests
