// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A real conductor. Its parts only write down what they are told; the test is its node, and says what the parts
// would say.

#include "tests/actors/update/played_parts.hpp"

namespace ckpt::actors {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;
using tests::conductor_test;
using worker = session_progress::step;
using server = server_progress::step;

/// One engine with two workers.
constexpr cluster_layout one_host{1, 0, 2, 2};

/// One engine with a worker on each of two hosts.
[[nodiscard]] constexpr cluster_layout half_of_an_engine(std::uint32_t host) { return {2, host, 1, 2}; }

[[nodiscard]] std::uint8_t during(conductor_state::phase phase) { return static_cast<std::uint8_t>(phase); }

TEST_F(conductor_test, takes_a_run_to_its_good_end_and_goes_on_only_when_all_hosts_may) {
  begin(one_host);
  EXPECT_THAT(told(), UnorderedElementsAre("notifier 0: start", "stager 0: start", "stager 1: start",
                                           "broadcaster: start", "reader: start"));
  serve(server::ready);
  progress(worker::bound, 1);
  EXPECT_THAT(node_heard(), IsEmpty()) << "the channel of worker 0 is missing";
  progress(worker::bound, 0);
  EXPECT_THAT(node_heard(), ElementsAre("reached: ready"));
  EXPECT_THAT(told(), IsEmpty()) << "no engine is paused before all would take the update";

  pass(milestone::ready);
  EXPECT_THAT(told(), ElementsAre("notifier 0: clear"));
  serve(server::cleared);
  EXPECT_THAT(node_heard(), ElementsAre("reached: cleared"));
  EXPECT_THAT(told(), IsEmpty()) << "no worker is expected before all engines are paused";

  pass(milestone::cleared);
  EXPECT_THAT(told(), UnorderedElementsAre("session 0: open", "session 1: open"));
  progress(worker::expecting, 0);
  EXPECT_THAT(node_heard(), IsEmpty());
  progress(worker::expecting, 1);
  EXPECT_THAT(node_heard(), ElementsAre("reached: expected"));
  EXPECT_THAT(told(), IsEmpty()) << "no server starts workers before all are expected";

  pass(milestone::expected);
  EXPECT_THAT(told(), ElementsAre("notifier 0: post"));
  progress(worker::came, 0);
  EXPECT_THAT(told(), IsEmpty());
  progress(worker::came, 1);
  EXPECT_THAT(told(), ElementsAre("notifier 0: came"));
  for (const auto device : {0, 1})
    for (const auto at : {worker::opened, worker::listed, worker::acknowledged})
      progress(at, device, 0);
  for (const auto device : {0, 1})
    progress(worker::acknowledged, device, 1);
  EXPECT_THAT(told(), Contains("reader: check"));
  EXPECT_THAT(node_heard(), IsEmpty()) << "the files may have changed";
  tell(checked_atom_v);
  EXPECT_THAT(node_heard(), ElementsAre("reached: taken"));
  EXPECT_THAT(told(), IsEmpty()) << "no worker finishes before all on all hosts have taken everything";

  pass(milestone::taken);
  EXPECT_THAT(told(), UnorderedElementsAre("session 0: finish", "session 1: finish"));
  progress(worker::finished, 0);
  EXPECT_THAT(node_heard(), IsEmpty());
  progress(worker::finished, 1);
  EXPECT_THAT(node_heard(), ElementsAre("reached: through"));
  EXPECT_THAT(told(), ElementsAre("notifier 0: finish"));
  pass(milestone::through);
  serve(server::answered);
  EXPECT_THAT(node_heard(), ElementsAre("reached: answered"));
  EXPECT_THAT(told(), IsEmpty()) << "no version is confirmed before all engines have answered";

  pass(milestone::answered);
  EXPECT_THAT(told(), ElementsAre("notifier 0: close"));
  serve(server::closed);
  const auto end = verdict();
  EXPECT_EQ(end.first_cause.code, ec::none) << end.first_cause.what;
  EXPECT_FALSE(end.parts_left);
  ASSERT_EQ(end.engines.size(), 1u);
  EXPECT_EQ(end.engines[0].endpoint, "http://engine-0");
  EXPECT_TRUE(end.engines[0].listed && end.engines[0].finished && end.engines[0].answered
              && end.engines[0].closed);
  EXPECT_EQ(end.engines[0].bytes, 2 * tests::planned_chunk_bytes);
  EXPECT_THAT(told(),
              UnorderedElementsAre("notifier 0: exit", "session 0: exit", "session 1: exit", "stager 0: exit",
                                   "stager 1: exit", "broadcaster: exit", "reader: exit"));
  EXPECT_THAT(node_heard(), IsEmpty());
}

TEST_F(conductor_test, passes_on_credit_only_for_what_all_workers_have_taken) {
  begin_transfer(one_host, 3);
  progress(worker::acknowledged, 0, 0);
  progress(worker::acknowledged, 0, 1);
  EXPECT_THAT(told(), IsEmpty()) << "worker 1 may still read bucket 0";
  progress(worker::acknowledged, 1, 0);
  EXPECT_THAT(told(), UnorderedElementsAre("stager 0: acknowledged 1", "stager 1: acknowledged 1",
                                           "broadcaster: acknowledged 1"));
  progress(worker::acknowledged, 0, 2);
  progress(worker::acknowledged, 1, 1);
  EXPECT_THAT(told(), UnorderedElementsAre("stager 0: acknowledged 2", "stager 1: acknowledged 2",
                                           "broadcaster: acknowledged 2"));
}

TEST_F(conductor_test, the_first_failure_decides_and_is_told_once) {
  begin_transfer(one_host);
  tell(part_failed{{ec::checkpoint_invalid, "file A is broken\nin detail"}});
  tell(part_failed{{ec::engine_failed, "worker 1 failed", 0}});
  tell(neighbour_suspected{{ec::host_lost, "connection reset"}});
  tell(give_up{{ec::checkpoint_invalid, "host 0: file A is broken"}});
  EXPECT_THAT(node_heard(), ElementsAre("host failed: checkpoint_invalid: file A is broken\nin detail"));
  EXPECT_THAT(told(),
              UnorderedElementsAre("reader: exit", "stager 0: exit", "stager 1: exit", "broadcaster: exit",
                                   "session 0: abort: file A is broken, workers may come",
                                   "session 1: abort: file A is broken, workers may come",
                                   "notifier 0: abort: file A is broken, workers may come"));
  for (const auto device : {0, 1})
    progress(worker::closed, device);
  serve(server::ended);
  const auto end = verdict();
  EXPECT_EQ(end.first_cause.code, ec::checkpoint_invalid);
  EXPECT_EQ(end.first_cause.what, "file A is broken\nin detail");
  EXPECT_FALSE(end.parts_left);
  EXPECT_TRUE(end.engines.at(0).listed) << "its weights may have changed";
}

TEST_F(conductor_test, give_up_ends_reading_tells_workers_and_waits_for_their_and_the_servers_last_word) {
  begin_transfer(one_host);
  tell(give_up{{ec::host_lost, "host 1 was lost"}});
  EXPECT_THAT(node_heard(), IsEmpty()) << "the node knows";
  const auto first = told();
  for (const auto* words : {"reader: exit", "stager 0: exit", "stager 1: exit", "broadcaster: exit",
                            "session 0: abort: host 1 was lost, workers may come",
                            "session 1: abort: host 1 was lost, workers may come"})
    EXPECT_THAT(first, Contains(words));
  pass(milestone::taken);
  progress(worker::closed, 0);
  EXPECT_THAT(told(), IsEmpty()) << "nothing goes on, and worker 1 has not been told";
  progress(worker::closed, 1);
  EXPECT_THAT(told(), ElementsAre("notifier 0: told"));
  engine_account account;
  account.said = "the update was aborted";
  serve(server::ended, account);
  const auto end = verdict();
  EXPECT_EQ(end.first_cause.code, ec::host_lost);
  EXPECT_EQ(end.engines.at(0).account.said, "the update was aborted");
  const auto last = told();
  for (const auto* words : {"session 0: exit", "session 1: exit", "notifier 0: exit"})
    EXPECT_THAT(last, Contains(words));
}

TEST_F(conductor_test, an_interruption_has_a_code_of_its_own) {
  begin(one_host);
  static_cast<void>(told());
  tell(give_up{{ec::interrupted, "interrupted by the user"}});
  EXPECT_THAT(told(), Contains("session 0: abort: interrupted by the user, no worker comes"))
      << "no server was asked for any";
  for (const auto device : {0, 1})
    progress(worker::closed, device);
  serve(server::ended);
  const auto end = verdict();
  EXPECT_EQ(end.first_cause.code, ec::interrupted);
  EXPECT_FALSE(end.engines.at(0).listed);
  EXPECT_THAT(node_heard(), IsEmpty()) << "it came from the node";
}

TEST_F(conductor_test, passes_on_a_suspicion_and_goes_on_until_it_hears_who_it_was) {
  begin_transfer(half_of_an_engine(0));
  tell(neighbour_suspected{{ec::host_lost, "broadcast: connection reset"}});
  EXPECT_THAT(node_heard(), ElementsAre("suspected: host_lost: broadcast: connection reset"));
  EXPECT_THAT(told(), IsEmpty()) << "that host may be about to say why";
  tell(give_up{{ec::engine_failed, "host 1: worker 1 failed", 0}});
  EXPECT_THAT(told(), Contains("session 0: abort: host 1: worker 1 failed, workers may come"));
  progress(worker::closed, 0);
  serve(server::ended);
  EXPECT_EQ(verdict().first_cause.what, "host 1: worker 1 failed");
}

TEST_F(conductor_test, tells_of_an_engine_on_several_hosts_when_its_server_starts_no_worker_any_more) {
  begin_transfer(half_of_an_engine(0));
  tell(part_failed{{ec::engine_failed, "worker 0 failed", 0}});
  static_cast<void>(told());
  static_cast<void>(node_heard());
  serve(server::ended);
  EXPECT_THAT(told(), ElementsAre("session 0: settled"));
  EXPECT_THAT(node_heard(), ElementsAre("settled: 0"));
  progress(worker::closed, 0);
  EXPECT_EQ(verdict().first_cause.what, "worker 0 failed");
}

TEST_F(conductor_test, hears_from_another_host_that_a_server_starts_no_worker_any_more) {
  begin_transfer(half_of_an_engine(1));
  tell(no_more_workers{0});
  EXPECT_THAT(told(), IsEmpty()) << "that is for failed updates";
  tell(give_up{{ec::engine_failed, "worker 0 failed", 0}});
  static_cast<void>(told());
  tell(no_more_workers{0});
  EXPECT_THAT(told(), ElementsAre("session 0: settled"));
  progress(worker::closed, 0);
  EXPECT_EQ(verdict().first_cause.what, "worker 0 failed") << "there is no server to wait for here";
}

TEST_F(conductor_test, a_server_that_succeeds_before_its_workers_have_all_weights_has_failed) {
  begin_transfer(one_host);
  serve(server::answered);
  EXPECT_THAT(node_heard(), ElementsAre(HasSubstr("host failed: engine_failed: engine http://engine-0")));
}

TEST_F(conductor_test, a_part_that_ends_by_itself_ends_the_update) {
  begin_transfer(one_host);
  lose("stager 1");
  EXPECT_THAT(neighbours.hear(),
              HasSubstr("host failed: unspecified: a part of the pipeline ended unexpectedly"));
}

TEST_F(conductor_test, a_file_system_that_does_not_say_whether_files_changed_is_a_timeout) {
  update_options options;
  options.timeout = 10ms;
  begin_transfer({1, 0, 1, 1}, 1, options);
  progress(worker::acknowledged, 0, 0);
  EXPECT_THAT(neighbours.hear(), HasSubstr("host failed: timed_out: the file system did not say"));
}

TEST_F(conductor_test, the_time_to_check_files_is_over_when_they_have_been_checked) {
  begin_transfer({1, 0, 1, 1}, 1);
  progress(worker::acknowledged, 0, 0);
  tell(checked_atom_v);
  EXPECT_THAT(node_heard(), ElementsAre("reached: taken"));
  tell(give_up_atom_v, during(conductor_state::phase::transferring));
  EXPECT_THAT(node_heard(), IsEmpty());
}

TEST_F(conductor_test, who_has_not_heard_of_a_failure_in_time_is_not_waited_for_any_longer) {
  begin_transfer(one_host);
  tell(part_failed{{ec::timed_out, "worker 0 did not answer"}});
  progress(worker::closed, 1); // Neither worker 0 nor the server ever says a word.
  static_cast<void>(told());
  tell(give_up_atom_v, during(conductor_state::phase::transferring));
  EXPECT_THAT(told(), IsEmpty()) << "that deadline is of an earlier phase";
  tell(give_up_atom_v, during(conductor_state::phase::aborting));
  const auto end = verdict();
  EXPECT_EQ(end.first_cause.what, "worker 0 did not answer");
  EXPECT_FALSE(end.parts_left) << "all parts have ended when they were told to";
  const auto last = told();
  for (const auto* words : {"session 0: exit", "session 1: exit", "notifier 0: exit"})
    EXPECT_THAT(last, Contains(words));
}

/// The eight seconds that parts have to end.
TEST_F(conductor_test, a_part_that_never_ends_is_left_behind_after_its_deadline) {
  deaf_to_exits_ = "reader";
  begin_transfer(one_host);
  tell(part_failed{{ec::timed_out, "no read came back"}});
  for (const auto device : {0, 1})
    progress(worker::closed, device);
  serve(server::ended);
  const auto end = verdict();
  EXPECT_TRUE(end.parts_left) << "only the end of the process gets rid of it";
  EXPECT_EQ(end.first_cause.what, "no read came back");
}

} // namespace
} // namespace ckpt::actors
