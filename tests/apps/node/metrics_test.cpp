// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The metrics of a resident node, and the dashboard that shows them (apps/grafana).

#include "io/http/http_call.hpp"
#include "tests/apps/node/service_fixture.hpp"

#include <map>
#include <set>
#include <sstream>
#include <string_view>

namespace ckpt::tests {
namespace {

namespace json = boost::json;
using testing::Contains;
using testing::HasSubstr;
using testing::IsSupersetOf;

[[nodiscard]] json::object dashboard() { return json::parse(read_file(CKPT_DASHBOARD)).as_object(); }

/// All metrics that an expression of the dashboard names, those of variables among them.
[[nodiscard]] std::set<std::string> named_metrics() {
  const auto text = json::serialize(dashboard());
  constexpr std::string_view prefix = "ckpt_actor_", letters = "abcdefghijklmnopqrstuvwxyz_";
  std::set<std::string> names;
  for (auto at = text.find(prefix); at != std::string::npos;) {
    const auto end = text.find_first_not_of(letters, at);
    names.insert(text.substr(at, end - at));
    at = text.find(prefix, end);
  }
  return names;
}

class metrics_test : public service_test {
protected:
  void SetUp() override {
    checkpoint_ = make_checkpoint();
    start_serving(checkpoint_);
  }

  /// The node's samples: name and labels, and value.
  [[nodiscard]] std::map<std::string, double> metrics() {
    io::http_call call{io::parse_endpoint("http://localhost", socket_.string()),
                       {io::http_request::verb::get, "/metrics", {}},
                       {},
                       patience};
    while (!call.wait(patience)) {
    }
    EXPECT_FALSE(call.error()) << call.error().message();
    std::map<std::string, double> samples;
    std::istringstream lines{call.response().body};
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("# ")) {
        described_.insert(line.substr(7, line.find(' ', 7) - 7));
        continue;
      }
      const auto space = line.rfind(' ');
      EXPECT_TRUE(samples.emplace(line.substr(0, space), std::stod(line.substr(space))).second)
          << line << " twice";
    }
    return samples;
  }

  std::filesystem::path checkpoint_;
  std::set<std::string> described_; ///< metrics that the last answer describes
};

TEST_F(metrics_test, count_updates_by_outcome_pauses_and_the_work_of_each_stage) {
  start_service({"--resident-memory", "200MiB"});
  auto before = metrics();
  EXPECT_EQ(before.at(R"(ckpt_actor_updates_total{outcome="updated"})"), 0) << "counters begin at zero";
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  const auto pause = answer().at("report").at("engines").at(0).at("pause").at("seconds").to_number<double>();
  const auto bytes = answer().at("report").at("stages").at("reload").at("bytes").to_number<double>();
  ASSERT_EQ(publish(checkpoint_, "v2"), 0) << said_;
  ASSERT_EQ(publish(checkpoint_, "v3", {"--prepare", "--wait"}), 0) << said_;
  ASSERT_EQ(ask_node("cancel", {id()}), 0) << said_;
  EXPECT_EQ(publish(checkpoint_ / "missing", "v4"), 3);
  auto after = metrics();
  EXPECT_EQ(after.at(R"(ckpt_actor_updates_total{outcome="updated"})"), 2);
  EXPECT_EQ(after.at(R"(ckpt_actor_updates_total{outcome="cancelled"})"), 1);
  EXPECT_EQ(after.at(R"(ckpt_actor_updates_total{outcome="failed"})"), 1);
  EXPECT_EQ(after.at("ckpt_actor_prepare_seconds_count"), 3);
  EXPECT_EQ(after.at(R"(ckpt_actor_push_seconds_count{outcome="updated"})"), 2);
  EXPECT_EQ(after.at(R"(ckpt_actor_push_seconds_count{outcome="failed"})"), 0) << "v4 never got so far";
  EXPECT_EQ(after.at("ckpt_actor_pause_seconds_count"), 2);
  EXPECT_EQ(after.at(R"(ckpt_actor_pause_seconds_bucket{le="+Inf"})"), 2);
  EXPECT_GE(after.at("ckpt_actor_pause_seconds_sum"), pause);
  EXPECT_LE(after.at(R"(ckpt_actor_pause_seconds_bucket{le="0.005"})"),
            after.at(R"(ckpt_actor_pause_seconds_bucket{le="600"})"));
  EXPECT_EQ(after.at(R"(ckpt_actor_stage_bytes_total{stage="reload"})"), 2 * bytes);
  EXPECT_GT(after.at(R"(ckpt_actor_stage_busy_seconds_total{stage="reload"})"), 0);
  EXPECT_GT(after.at(R"(ckpt_actor_stage_bytes_per_second{stage="copy"})"), 0);
  EXPECT_GT(after.at("ckpt_actor_resident_bytes"), bytes);
  EXPECT_EQ(after.at("ckpt_actor_hosts"), 1);
  EXPECT_EQ(after.at("ckpt_actor_hosts_here"), 1);
}

TEST_F(metrics_test, of_a_real_node_are_those_that_the_dashboard_names) {
  start_service();
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  std::set<std::string> told;
  for (const auto& [sample, value] : metrics())
    told.insert(sample.substr(0, sample.find('{')));
  EXPECT_THAT(told, IsSupersetOf(named_metrics()));
  for (const auto& metric : described_) // And nothing is told that nobody looks at.
    EXPECT_TRUE(std::ranges::any_of(named_metrics(), [&](const auto& name) {
      return name.starts_with(metric);
    })) << metric;
}

/// Cells of Grafana's grid that a panel covers.
[[nodiscard]] std::set<std::pair<std::int64_t, std::int64_t>> cells_of(const json::value& panel) {
  const auto side = [&](const char* name) { return panel.at("gridPos").at(name).as_int64(); };
  std::set<std::pair<std::int64_t, std::int64_t>> cells;
  for (auto x = side("x"); x < side("x") + side("w"); ++x)
    for (auto y = side("y"); y < side("y") + side("h"); ++y)
      cells.emplace(x, y);
  return cells;
}

TEST(dashboard, has_the_form_that_grafana_imports) {
  const auto told = dashboard();
  for (const auto* text : {"uid", "title", "refresh", "timezone"})
    EXPECT_FALSE(told.at(text).as_string().empty()) << text;
  EXPECT_GE(told.at("schemaVersion").as_int64(), 36) << "since then a data source is an object";
  EXPECT_FALSE(told.contains("id")) << "it would be another dashboard's";
  EXPECT_FALSE(told.at("time").at("from").as_string().empty());
  std::set<std::string> variables;
  for (const auto& variable : told.at("templating").at("list").as_array())
    variables.emplace(variable.at("name").as_string());
  EXPECT_THAT(variables, Contains("datasource")) << "it must not depend on one Grafana's data source";
}

TEST(dashboard, has_panels_that_do_not_overlap_with_queries_of_the_chosen_source) {
  const std::set<std::string_view> kinds{"stat", "timeseries", "heatmap"};
  const json::object chosen{{"type", "prometheus"}, {"uid", "${datasource}"}};
  std::set<std::int64_t> ids;
  std::set<std::pair<std::int64_t, std::int64_t>> covered;
  const auto told = dashboard();
  for (const auto& panel : told.at("panels").as_array()) {
    const std::string title{panel.at("title").as_string()};
    EXPECT_TRUE(ids.insert(panel.at("id").as_int64()).second) << title << " has the id of another";
    EXPECT_TRUE(kinds.contains(panel.at("type").as_string())) << title;
    EXPECT_EQ(panel.at("datasource"), chosen) << title;
    EXPECT_TRUE(panel.at("fieldConfig").at("defaults").is_object()) << title;
    EXPECT_TRUE(panel.at("options").is_object()) << title;
    for (const auto& cell : cells_of(panel)) {
      EXPECT_TRUE(cell.first >= 0 && cell.first < 24) << title << " is beside Grafana's grid";
      EXPECT_TRUE(covered.insert(cell).second) << title << " is on another";
    }
    std::set<std::string> queries;
    ASSERT_FALSE(panel.at("targets").as_array().empty()) << title;
    for (const auto& query : panel.at("targets").as_array()) {
      EXPECT_TRUE(queries.emplace(query.at("refId").as_string()).second) << title;
      EXPECT_EQ(query.at("datasource"), chosen) << title;
      const std::string expression{query.at("expr").as_string()};
      EXPECT_THAT(expression, HasSubstr("ckpt_actor_")) << title;
      EXPECT_EQ(std::ranges::count(expression, '('), std::ranges::count(expression, ')')) << expression;
      EXPECT_EQ(std::ranges::count(expression, '{'), std::ranges::count(expression, '}')) << expression;
    }
  }
}

} // namespace
} // namespace ckpt::tests
