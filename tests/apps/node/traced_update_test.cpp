// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The trace of an update.

#include "tests/apps/node/service_fixture.hpp"
#include "tests/support/trace_events.hpp"

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class traced_test : public serving_test {
protected:
  [[nodiscard]] boost::json::value trace() const { return read_report(scratch_.path() / "trace.json"); }

  [[nodiscard]] std::uint32_t buckets() const {
    return report().at("plan").at("buckets").to_number<std::uint32_t>();
  }

  const std::string trace_file_ = scratch_.path() / "trace.json";
};

TEST_F(traced_test, shows_each_bucket_on_its_way_from_the_disk_to_every_worker) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint, {"--workers", "2"});
  node_arguments_ = {"--inference-parallel-size", "2"};
  ASSERT_EQ(run_node(checkpoint, {"--trace", trace_file_}), 0) << node_output_;
  const auto hosts = read_trace(trace());
  ASSERT_EQ(hosts.size(), 1u);
  const auto& host = hosts.at(0);
  ASSERT_GT(buckets(), 2u);
  for (const auto* category : {"disk", "copy", "broadcast"})
    EXPECT_EQ(host.at(category).size(), buckets()) << category;
  for (std::uint32_t number = 0; number < buckets(); ++number) {
    const auto bucket = "bucket " + std::to_string(number);
    const auto read = find_span(host, "disk", bucket);
    const auto copied = find_span(host, "copy", bucket);
    const auto sent = find_span(host, "broadcast", bucket);
    EXPECT_LE(read.begin_us, copied.begin_us) << bucket;
    EXPECT_LE(read.end_us, copied.end_us) << bucket;
    EXPECT_LE(copied.end_us, sent.begin_us) << bucket;
    EXPECT_EQ(std::ranges::count(host.at("worker"), bucket, &traced_span::name), 2) << "both workers take it";
    for (const auto& taken : host.at("worker"))
      if (taken.name == bucket) {
        EXPECT_LE(sent.end_us, taken.begin_us) << bucket << " of " << taken.track;
      }
  }
  for (const auto* step : {"until it is ready", "update request", "resumes and confirms"})
    EXPECT_LT(find_span(host, "server", step).begin_us, find_span(host, "server", step).end_us) << step;
  EXPECT_EQ(std::ranges::count(host.at("worker"), "post hook", &traced_span::name), 2);
}

TEST_F(traced_test, marks_the_pause_and_what_happens_in_it) {
  const auto checkpoint = make_checkpoint();
  start_serving(checkpoint);
  ASSERT_EQ(run_node(checkpoint, {"--pause", "retract", "--trace", trace_file_}), 0) << node_output_;
  const auto hosts = read_trace(trace());
  const auto& host = hosts.at(0);
  const auto paused = find_span(host, "pause", "paused");
  EXPECT_EQ(paused.track, "pause of engine " + endpoint_);
  for (const auto& taken : host.at("worker")) {
    EXPECT_LE(paused.begin_us, taken.begin_us) << taken.name;
    EXPECT_LE(taken.end_us, paused.end_us) << taken.name;
  }
  const auto seconds = engine_report().at("pause").at("seconds").to_number<double>();
  EXPECT_NEAR(paused.end_us - paused.begin_us, seconds * 1e6, 0.01) << "the same pause as in the report";
}

TEST_F(traced_test, shows_where_a_failed_update_stood) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint, {"--fault", "hang-at:1"});
  ASSERT_EQ(run_node(checkpoint, {"--timeout", "2", "--stay-time", "1", "--trace", trace_file_}), 6)
      << node_output_;
  const auto hung = find_span(read_trace(trace()).at(0), "worker", "bucket 1");
  EXPECT_GE(hung.end_us - hung.begin_us, 2e6) << "for as long as it was waited for";
}

TEST_F(traced_test, is_written_even_if_nothing_was_moved_and_never_over_something_else) {
  const auto checkpoint = make_checkpoint();
  start_engine(checkpoint);
  EXPECT_EQ(run_node(scratch_.path() / "missing", {"--trace", trace_file_}), 3) << node_output_;
  EXPECT_TRUE(read_trace(trace()).empty());
  EXPECT_EQ(run_node(checkpoint, {"--trace", scratch_.path() / "report.json"}), 2);
  EXPECT_THAT(node_output_, HasSubstr("--report and --trace are the same file"));
  EXPECT_EQ(run_node(checkpoint, {"--trace", checkpoint / "model-00001-of-00003.safetensors"}), 2);
  EXPECT_THAT(node_output_, HasSubstr("--trace would replace"));
  EXPECT_EQ(run_node(checkpoint, {"--trace", scratch_.path() / "no" / "where"}), 2);
  EXPECT_THAT(node_output_, HasSubstr("--trace"));
}

class traced_service_test : public service_test {
protected:
  void SetUp() override {
    checkpoint_ = make_checkpoint();
    start_serving(checkpoint_);
  }

  fs::path checkpoint_;
};

TEST_F(traced_service_test, keeps_the_traces_of_the_last_updates) {
  start_service({"--resident-memory", "200MiB"});
  ASSERT_EQ(publish(checkpoint_, "v0", {"--prepare", "--wait"}), 0) << said_;
  const auto first = id();
  EXPECT_EQ(ask_node("trace", {first}), 2);
  EXPECT_THAT(said_, HasSubstr("is not over: prepared"));
  ASSERT_EQ(ask_node("commit", {first, "--wait"}), 0) << said_;
  const auto buckets = answer().at("report").at("plan").at("buckets").to_number<std::uint32_t>();
  ASSERT_EQ(ask_node("trace", {first}), 0) << said_;
  EXPECT_EQ(answer().at("otherData").at("version"), "v0");
  const auto hosts = read_trace(answer());
  const auto& host = hosts.at(0);
  EXPECT_FALSE(host.contains("disk")) << "it was in memory";
  EXPECT_EQ(host.at("copy").size(), buckets);
  static_cast<void>(find_span(host, "pause", "paused"));
  for (int number = 1; number <= 8; ++number)
    ASSERT_EQ(publish(checkpoint_, "v" + std::to_string(number)), 0) << said_;
  ASSERT_EQ(ask_node("trace", {id()}), 0) << said_;
  EXPECT_EQ(answer().at("otherData").at("version"), "v8");
  EXPECT_EQ(ask_node("trace", {first}), 2);
  EXPECT_THAT(said_, HasSubstr("has no trace"));
  EXPECT_EQ(ask_node("trace", {"none"}), 2);
  EXPECT_THAT(said_, HasSubstr("no update none"));
}

} // namespace
} // namespace ckpt::tests
