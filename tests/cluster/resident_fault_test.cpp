// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Resident nodes of two hosts whose first update fails. The same processes make the next ones.

#include "tests/cluster/resident_fixture.hpp"

#include <ostream>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class resident_cluster_fault_test;

struct first_failure {
  const char* name;
  const char* fault = nullptr;                              ///< of the engine on host 1
  void (resident_cluster_fault_test::*failing)() = nullptr; ///< if it is not the engine that fails
};

void PrintTo(const first_failure& failure, std::ostream* out) { *out << failure.name; }

class resident_cluster_fault_test : public resident_cluster_test,
                                    public testing::WithParamInterface<first_failure> {
public:
  void engine_fails() {
    start_resident_cluster({2, 1, 1});
    start_engine(1, {"--readiness", "serving", "--fault-updates", "1", "--fault", GetParam().fault});
    EXPECT_EQ(publish(0, "v1"), 4) << said_ << all_logs();
    EXPECT_THAT(said_, HasSubstr(engine_url(1)));
  }

  void engine_is_updated_by_another() {
    start_resident_cluster({2, 1, 1});
    const auto metas = scratch_.path() / "other-metas.json";
    const program other{
        hosts_->command(1, node_command(checkpoints_[0], scratch_.path() / "other.json",
                                        {"--inference-parallel-size", "1", "--endpoint", engine_url(1),
                                         "--save-metas-file", metas, "--sleep-time", "600"})),
        scratch_.path() / "other.log"};
    ASSERT_TRUE(eventually([&] { return fs::exists(metas); }, patience)) << other.output();
    EXPECT_EQ(publish(0, "v1"), 4) << said_ << all_logs();
    EXPECT_THAT(said_, HasSubstr("is being updated by another process"));
    for (const auto& engine : answer_.at("report").at("engines").as_array())
      EXPECT_EQ(engine.at("serves"), "unchanged") << answer_;
  }

  void host_is_stopped() {
    begin_an_update();
    services_[1]->send_signal(SIGSTOP);
    expect_host_1_is_lost();
    services_[1]->send_signal(SIGCONT);
    expect_all_here();
  }

  void host_is_cut_off() {
    begin_an_update();
    hosts_->pull_cable(1);
    expect_host_1_is_lost();
    hosts_->plug_cable(1);
    expect_all_here();
  }

private:
  void begin_an_update() {
    node_flags_.insert(node_flags_.end(), {"--host-timeout", "2"});
    checkpoints_ = {write_small_checkpoint(scratch_.path(), 64 << 20)};
    start_resident_cluster({2, 1, 1}, slow_engines);
    id_ = publish_and_reach_the_middle("v1");
  }

  void expect_host_1_is_lost() {
    EXPECT_EQ(ask(0, "status", {id_, "--wait"}), 5) << answer_ << all_logs();
    EXPECT_THAT(said_, HasSubstr("host 1"));
  }

  std::string id_;
};

TEST_P(resident_cluster_fault_test, disturbs_no_later_update_of_the_same_nodes) {
  const auto failing = GetParam().failing;
  (this->*(failing != nullptr ? failing : &resident_cluster_fault_test::engine_fails))();
  if (HasFatalFailure())
    return;
  for (const unsigned host : {0u, 1u}) {
    const auto version = "v" + std::to_string(host + 2);
    ASSERT_EQ(publish(host, version), 0) << said_ << all_logs();
    expect_served(version, {0, 1});
    EXPECT_EQ(absent_hosts(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(
    of, resident_cluster_fault_test,
    testing::Values(first_failure{"worker_fails_in_the_middle", "bucket-error:middle"},
                    first_failure{"worker_dies_in_the_middle", "worker-dies:middle"},
                    first_failure{"engine_is_updated_by_another", nullptr,
                                  &resident_cluster_fault_test::engine_is_updated_by_another},
                    first_failure{"host_is_stopped", nullptr, &resident_cluster_fault_test::host_is_stopped},
                    first_failure{"host_is_cut_off", nullptr, &resident_cluster_fault_test::host_is_cut_off}),
    [](const auto& one) { return std::string{one.param.name}; });

} // namespace
} // namespace ckpt::tests
