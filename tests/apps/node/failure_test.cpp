// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Updates that fail. Each ends within its deadlines, with the exit status and the cause that the user needs,
// and leaves an engine that can be updated right after, unless the engine itself died.

#include "tests/apps/node/update_fixture.hpp"
#include "tests/support/failing_disk.hpp"

#include <csignal>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct fault_case {
  const char* name;
  arguments faults;   ///< of ckpt-sink
  int status;         ///< that the node must end with
  const char* said;   ///< in what it prints
  const char* serves; ///< what the report says that the engine serves
  bool engine_survives = true;
};

void PrintTo(const fault_case& fault, std::ostream* out) { *out << fault.name; }

class fault_test : public update_test, public testing::WithParamInterface<fault_case> {};

TEST_P(fault_test, ends_with_its_cause_and_disturbs_nothing) {
  const auto& fault = GetParam();
  const auto checkpoint = make_checkpoint();
  arguments engine_arguments{"--workers", "2", "--fault-updates", "1"};
  for (const auto& one : fault.faults)
    engine_arguments.insert(engine_arguments.end(), {"--fault", one});
  start_engine(checkpoint, engine_arguments);
  node_arguments_ = {"--inference-parallel-size", "2", "--weight-version", "v2"};

  const auto* const timeout = fault.status == 6 ? "2" : "10"; // Short only where it ends the update.
  EXPECT_EQ(run_node(checkpoint, {"--timeout", timeout}), fault.status) << node_output_ << engine_->output();
  EXPECT_THAT(node_output_, HasSubstr(fault.said));
  EXPECT_THAT(node_output_, HasSubstr(endpoint_)) << "the engine is named";
  const auto written = report();
  EXPECT_EQ(written.at("outcome"), "failed");
  EXPECT_EQ(written.at("exit_status"), fault.status);
  EXPECT_EQ(written.at("engines").at(0).at("serves"), fault.serves);
  expect_nothing_left();
  if (!fault.engine_survives) {
    EXPECT_EQ(engine_->wait(patience), -SIGKILL);
    start_engine(checkpoint, {"--workers", "2"});
  }
  EXPECT_EQ(run_node(checkpoint), 0) << "the next update:\n" << node_output_ << engine_->output();
}

const fault_case server_faults[] = {
    {"answers_400", {"http-status:400"}, 4, "400", "unchanged"},
    {"answers_401", {"http-status:401"}, 4, "--api-key-file", "unchanged"},
    {"answers_404", {"http-status:404"}, 4, "404", "unchanged"},
    {"answers_500", {"http-status:500"}, 4, "500", "unchanged"},
    {"answers_400_in_the_middle", {"http-status-during:400:2"}, 4, "400", "mixed"},
    {"answers_500_in_the_middle", {"http-status-during:500:2"}, 4, "500", "mixed"},
    {"answers_500_afterwards", {"http-status-after:500"}, 4, "500", "unknown"},
    // The worker is held up, so that the answer comes before the first list.
    {"answers_200_too_early",
     {"early-200", "slow-handle:1"},
     4,
     "before its workers had taken all weights",
     "unchanged"},
    {"never_starts_its_workers", {"never-start-workers"}, 6, "did not connect within 2 s", "unchanged"},
    {"answers_garbage", {"garbage-http", "slow-handle:1"}, 4, "not HTTP", "unchanged"},
    {"drops_the_connection", {"drop-connection:2", "hang-at:last"}, 4, "was lost during the update", "mixed"},
    {"dies_at_the_handle", {"die-at:handle"}, 4, "", "unchanged", false},
    {"dies_in_the_middle", {"die-at:middle"}, 4, "", "mixed", false},
    {"dies_at_the_last_list", {"die-at:last"}, 4, "", "mixed", false},
    {"dies_at_the_end_mark", {"die-at:none"}, 4, "", "mixed", false},
    {"dies_in_the_post_hook", {"die-at:post-hook"}, 4, "", "mixed", false},
    {"confirms_another_version",
     {"wrong-version"},
     4,
     "was updated, but GET /model_info says weight version",
     "unknown"},
};

const fault_case worker_faults[] = {
    {"fails_at_the_handle", {"handle-error"}, 4, "while it opened the buffer", "unchanged"},
    {"fails_in_the_first_bucket", {"bucket-error:first"}, 4, "while it loaded bucket 1 of", "mixed"},
    {"fails_in_a_middle_bucket", {"bucket-error:middle"}, 4, "while it loaded bucket", "mixed"},
    {"fails_in_the_last_bucket", {"bucket-error:last"}, 4, "while it loaded bucket", "mixed"},
    {"fails_alone", {"bucket-error:middle", "one-worker-only:1"}, 4, "worker 1 (", "mixed"},
    {"raises_in_its_post_hook", {"post-hook-raises"}, 4, "the post hook raises", "mixed"},
    {"is_slow_to_open_the_buffer",
     {"slow-handle:8"},
     6,
     "did not answer for 2 s while it opened",
     "unchanged"},
};

/// Where the engine never answers its own request, it stays busy until its own deadline: no update right
/// after.
const fault_case silent_faults[] = {
    {"dies_at_the_handle",
     {"worker-dies:handle"},
     4,
     "died or closed its channel while it opened",
     "unchanged"},
    {"dies_in_the_middle", {"worker-dies:middle"}, 4, "died or closed its channel while it loaded", "mixed"},
    {"dies_at_the_last_list", {"worker-dies:last"}, 4, "died or closed its channel while it loaded", "mixed"},
    {"dies_at_the_end_mark", {"worker-dies:none"}, 4, "died or closed its channel while it let go", "mixed"},
    {"dies_in_the_post_hook",
     {"worker-dies:post-hook"},
     4,
     "died or closed its channel in its post-",
     "mixed"},
    {"hangs_at_the_handle", {"hang-at:handle"}, 6, "did not answer for 2 s while it opened", "unchanged"},
    {"hangs_in_the_first_bucket",
     {"hang-at:first"},
     6,
     "did not answer for 2 s while it loaded bucket 1 ",
     "mixed"},
    {"hangs_in_the_last_bucket", {"hang-at:last"}, 6, "did not answer for 2 s while it loaded", "mixed"},
    {"hangs_at_the_end_mark", {"hang-at:none"}, 6, "did not answer for 2 s while it let go", "mixed"},
    {"hangs_in_the_post_hook", {"hang-at:post-hook"}, 6, "did not answer for 2 s in its post-", "mixed"},
};

const auto case_name = [](const auto& one) { return std::string{one.param.name}; };
INSTANTIATE_TEST_SUITE_P(server, fault_test, testing::ValuesIn(server_faults), case_name);
INSTANTIATE_TEST_SUITE_P(worker, fault_test, testing::ValuesIn(worker_faults), case_name);
INSTANTIATE_TEST_SUITE_P(silent_worker, fault_test, testing::ValuesIn(silent_faults), case_name);

TEST_F(update_test, an_engine_that_is_not_there_is_a_timeout_that_says_so) {
  const auto checkpoint = make_checkpoint();
  EXPECT_EQ(run_node(checkpoint, {"--endpoint", "http://127.0.0.1:1", "--timeout", "2"}), 6);
  EXPECT_THAT(node_output_, HasSubstr("http://127.0.0.1:1 was not ready within 2 s"));
  EXPECT_THAT(node_output_, HasSubstr("refused"));
}

/// Slow enough that a test can step in while buckets are under way.
const arguments slow_engine{"--worker-seconds-per-gib", "200"};

/// For updates that fail: so slow that files are still being read when a test steps in.
const arguments very_slow_engine{"--worker-seconds-per-gib", "800"};

using interrupted_test = update_test;

TEST_F(interrupted_test, ends_at_sigint_and_sigterm_and_tells_the_workers) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint, slow_engine);
  for (const int signal_number : {SIGINT, SIGTERM}) {
    auto node = start_and_reach_the_middle(checkpoint);
    node->send_signal(signal_number);
    EXPECT_EQ(node->wait(patience), 1) << node->output();
    EXPECT_THAT(node->output(),
                HasSubstr(signal_number == SIGINT ? "interrupted by SIGINT" : "interrupted by SIGTERM"));
    EXPECT_TRUE(eventually([&] {
      return engine_->output().find("gave up this weight update") != std::string::npos;
    })) << engine_->output();
    expect_nothing_left();
  }
  EXPECT_EQ(run_node(checkpoint), 0) << node_output_;
}

TEST_F(interrupted_test, after_kill_9_the_same_command_succeeds_at_once) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint, slow_engine);
  auto node = start_and_reach_the_middle(checkpoint);
  node->send_signal(SIGKILL);
  EXPECT_EQ(node->wait(patience), -SIGKILL);
  expect_nothing_left();
  EXPECT_EQ(run_node(checkpoint), 0) << node_output_ << engine_->output();
}

TEST_F(interrupted_test, a_second_update_of_an_engine_is_refused_and_the_first_goes_on) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint, slow_engine);
  auto first = start_and_reach_the_middle(checkpoint);
  const auto port = endpoint_.substr(endpoint_.rfind(':'));
  program second{{CKPT_ACTOR_NODE, "--checkpoint-path", checkpoint, "--device", "host",
                  "--inference-parallel-size", "1", "--endpoint", "http://localhost" + port},
                 scratch_.path() / "second.log"};
  EXPECT_EQ(second.wait(patience), 4) << second.output();
  EXPECT_THAT(second.output(), HasSubstr("is being updated by another process"));
  EXPECT_EQ(first->wait(patience), 0) << first->output();
  EXPECT_THAT(engine_->output(), HasSubstr("verified bit for bit"));
}

class truncation_test : public interrupted_test {
protected:
  void truncate_while_it_is_read(const fs::path& checkpoint) {
    start_engine(checkpoint, very_slow_engine);
    auto node = start_and_reach_the_middle(checkpoint);
    const auto last = checkpoint / "model-00003-of-00003.safetensors";
    fs::resize_file(last, fs::file_size(last) / 4);
    EXPECT_EQ(node->wait(patience), 3) << node->output();
    EXPECT_THAT(node->output(), HasSubstr(last.string()));
    EXPECT_TRUE(eventually([&] {
      return engine_->output().find("gave up this weight update") != std::string::npos;
    })) << engine_->output();
    expect_nothing_left();
  }
};

TEST_F(truncation_test, of_a_file_on_disk_is_an_error_that_names_it) {
  truncate_while_it_is_read(make_checkpoint());
}

TEST_F(truncation_test, of_a_file_in_memory_is_an_error_that_names_it) {
  const temporary_directory memory{"/dev/shm"};
  truncate_while_it_is_read(make_checkpoint(24 << 20, 3, memory.path()));
}

TEST_F(interrupted_test, an_io_error_of_the_disk_is_an_error_that_names_file_and_place) {
  failing_disk disk{96 << 20};
  if (!disk.is_mounted())
    GTEST_SKIP() << "needs the right to mount a loop device";
  const auto checkpoint = make_checkpoint(24 << 20, 3, disk.path());
  disk.settle();
  start_engine(make_checkpoint(), very_slow_engine); // Compares with the same content on a sound disk.
  auto node = start_and_reach_the_middle(checkpoint);
  disk.fail_after(8 << 20);
  EXPECT_EQ(node->wait(patience), 3) << node->output();
  EXPECT_THAT(node->output(), HasSubstr((checkpoint / "model-0000").string()));
  EXPECT_THAT(node->output(), HasSubstr("failed: Input/output error"));
  EXPECT_TRUE(eventually([&] {
    return engine_->output().find("gave up this weight update") != std::string::npos;
  })) << engine_->output();
  expect_nothing_left();
}

TEST_F(update_test, a_full_dev_shm_is_an_error_before_anything_is_sent) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint);
  const arguments command{"unshare",
                          "--mount",
                          "bash",
                          "-c",
                          "mount -t tmpfs -o size=1m tmpfs /dev/shm || exit 77; exec \"$@\"",
                          "bash",
                          CKPT_ACTOR_NODE,
                          "--checkpoint-path",
                          checkpoint,
                          "--device",
                          "host",
                          "--inference-parallel-size",
                          "1",
                          "--endpoint",
                          endpoint_};
  program node{command, scratch_.path() / "node.log"};
  const auto status = node.wait(patience);
  if (status == 77 || node.output().find("unshare failed") != std::string::npos)
    GTEST_SKIP() << "needs the right to mount: " << node.output();
  EXPECT_EQ(status, 1) << node.output();
  EXPECT_THAT(node.output(), HasSubstr("/dev/shm"));
  EXPECT_THAT(node.output(), HasSubstr("No space left"));
  EXPECT_THAT(node.output(), HasSubstr("the largest group, layers."));
  EXPECT_THAT(node.output(), HasSubstr("--bucket-size"));
  EXPECT_EQ(run_node(checkpoint), 0) << "the engine was not disturbed";
}

TEST_F(update_test, a_broken_checkpoint_is_refused_before_the_engine_is_asked) {
  const auto checkpoint = make_checkpoint();
  const auto last = checkpoint / "model-00003-of-00003.safetensors";
  fs::resize_file(last, fs::file_size(last) - 1);
  EXPECT_EQ(run_node(checkpoint, {"--endpoint", "http://127.0.0.1:1", "--timeout", "2"}), 3);
  EXPECT_THAT(node_output_, HasSubstr(last.string()));
  EXPECT_EQ(report().at("cause").at("code"), "checkpoint_invalid");
  EXPECT_EQ(report().at("engines").at(0).at("serves"), "unchanged");
}

TEST_F(update_test, a_checkpoint_that_is_not_there_is_named) {
  EXPECT_EQ(run_node("/nowhere/at/all", {"--endpoint", "http://127.0.0.1:1", "--timeout", "2"}), 3);
  EXPECT_THAT(node_output_, HasSubstr("/nowhere/at/all"));
}

TEST_F(update_test, a_dtype_that_workers_have_no_name_for_is_refused_by_name) {
  const std::string header = R"({"odd":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}})";
  std::string file(8, '\0');
  file[0] = static_cast<char>(header.size());
  const auto path = scratch_.write("odd.safetensors", file + header + "abc");
  EXPECT_EQ(run_node(path, {"--endpoint", "http://127.0.0.1:1", "--timeout", "2"}), 3);
  EXPECT_THAT(node_output_, HasSubstr("F6_E2M3"));
  EXPECT_THAT(node_output_, HasSubstr("odd"));
}

TEST_F(update_test, gpus_that_are_not_there_are_missed_in_one_sentence) {
  ::setenv("CUDA_VISIBLE_DEVICES", "", 1); // Hides those that are.
  EXPECT_EQ(run_node(make_checkpoint(), {"--endpoint", "http://127.0.0.1:2", "--device", "cuda"}), 2);
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_THAT(node_output_, HasSubstr("--device cuda: "));
  EXPECT_THAT(node_output_, HasSubstr("--device host"));
  EXPECT_EQ(report().at("cause").at("code"), "usage");
}

class usage_test : public update_test,
                   public testing::WithParamInterface<std::pair<const char*, arguments>> {};

TEST_P(usage_test, is_refused_with_exit_status_2) {
  endpoint_ = "http://127.0.0.1:1";
  EXPECT_EQ(run_node("/nowhere", GetParam().second), 2);
  EXPECT_FALSE(node_output_.empty());
}

INSTANTIATE_TEST_SUITE_P(
    of, usage_test,
    testing::Values(
        std::pair{"an_unknown_flag", arguments{"--fly"}},
        std::pair{"a_url_that_is_none", arguments{"--endpoint", "ftp://x"}},
        std::pair{"devices_that_do_not_fit", arguments{"--devices", "3"}},
        std::pair{"a_bucket_of_half_a_page", arguments{"--bucket-size", "2048"}},
        std::pair{"a_bucket_below_nothing", arguments{"--bucket-size", "-4096"}},
        std::pair{"a_bucket_of_2_to_63", arguments{"--bucket-size", "9223372036854775808"}},
        std::pair{"a_bucket_of_all_but_a_page", arguments{"--bucket-size", "18446744073709547520"}},
        std::pair{"a_chunk_below_nothing", arguments{"--chunk-size", "-4096"}},
        std::pair{"memory_below_nothing", arguments{"--host-memory", "-1073741824"}},
        std::pair{"a_time_that_is_no_number", arguments{"--timeout", "nan"}},
        std::pair{"a_stay_without_end", arguments{"--stay-time", "inf"}},
        std::pair{"a_report_that_is_a_directory", arguments{"--report", "/dev/shm"}},
        std::pair{"an_empty_report", arguments{"--report", ""}},
        std::pair{"an_empty_earlier_report", arguments{"--prove-against", ""}},
        std::pair{"an_engine_twice",
                  arguments{"--endpoint", "http://127.0.0.1:7000", "--endpoint", "http://localhost:07000"}},
        std::pair{"a_version_that_is_no_text", arguments{"--weight-version", "v\xfe"}},
        std::pair{"a_report_nowhere", arguments{"--report", "/nowhere/report.json"}},
        std::pair{"certificates_that_are_not_there", arguments{"--tls-ca", "/nowhere/ca", "--tls-cert",
                                                               "/nowhere/c", "--tls-key", "/nowhere/k"}},
        std::pair{"no_memory", arguments{"--host-memory", "4096"}},
        std::pair{"a_pause_of_another_engine", arguments{"--pause", "keep"}},
        std::pair{"peer_to_peer", arguments{"--update-method", "p2p"}},
        std::pair{"a_key_file_that_is_not_there", arguments{"--api-key-file", "/nowhere"}}),
    [](const auto& one) { return std::string{one.param.first}; });

} // namespace
} // namespace ckpt::tests
