// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Medians, rates, bars, and whose turn it is.

#include "apps/bench/statistics.hpp"

#include "apps/bench/report.hpp"
#include "tests/support/temporary_directory.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::apps::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

TEST(median, is_the_middle_value_whatever_the_order) {
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({1, 1, 1, 100, 1}), 1);
}

TEST(median, of_an_even_number_lies_between_the_two_in_the_middle) { EXPECT_EQ(median({4, 1, 100, 2}), 3); }

TEST(median, of_nothing_is_an_error) { EXPECT_THROW(static_cast<void>(median({})), std::invalid_argument); }

TEST(series, medians_are_taken_of_the_rates_of_the_rounds) {
  const series measured{"x", {{2 * gib, 1, 0.5}, {2 * gib, 4, 0.25}, {2 * gib, 2, 1}}};
  EXPECT_DOUBLE_EQ(median_seconds(measured), 2);
  EXPECT_DOUBLE_EQ(median_gib_per_second(measured), 1);
  EXPECT_DOUBLE_EQ(median_cpu_seconds_per_gib(measured), 0.25);
}

TEST(series, rounds_without_bytes_or_time_have_no_rate) {
  const series measured{"x", {{0, 1, 1}}};
  EXPECT_EQ(median_gib_per_second(measured), 0);
  EXPECT_EQ(median_cpu_seconds_per_gib(measured), 0);
  EXPECT_EQ(median_gib_per_second({"y", {{gib, 0, 0}}}), 0);
}

TEST(bar, holds_on_its_limit_and_on_its_side_of_it) {
  const auto holds = [](double value, bar::direction side) { return bar{"", value, side, 0.95}.holds(); };
  EXPECT_TRUE(holds(0.95, bar::direction::at_least));
  EXPECT_TRUE(holds(1.1, bar::direction::at_least));
  EXPECT_FALSE(holds(0.94, bar::direction::at_least));
  EXPECT_TRUE(holds(0.95, bar::direction::at_most));
  EXPECT_TRUE(holds(0.1, bar::direction::at_most));
  EXPECT_FALSE(holds(0.96, bar::direction::at_most));
}

TEST(alternate, reverses_the_order_every_other_round_and_prepares_before_each_run) {
  std::string calls;
  const auto make = [&](const std::string& name) {
    return contender{name, [&calls, name] { calls += name; },
                     [&calls, name] {
                       calls += "! ";
                       return measurement{calls.size(), 1, 0};
                     }};
  };
  const auto all = alternate({make("a"), make("b"), make("c")}, 3);
  EXPECT_EQ(calls, "a! b! c! c! b! a! a! b! c! ");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[1].name, "b");
  ASSERT_EQ(all[0].rounds.size(), 3U);
  // The rounds of one contender stay in their order.
  EXPECT_EQ(all[0].rounds[0].bytes, 3U);
  EXPECT_EQ(all[0].rounds[1].bytes, 18U);
  EXPECT_EQ(all[0].rounds[2].bytes, 21U);
}

TEST(alternate, does_without_preparation) {
  const auto all = alternate({{"a", {}, [] { return measurement{1, 1, 1}; }}}, 2);
  EXPECT_EQ(all.at(0).rounds.size(), 2U);
}

struct report_test : ::testing::Test {
  bench_report report{{{"ours", {{gib, 0.5, 0.125}}}, {"theirs", {{gib, 1, 0}}}},
                      {{"ours / theirs", 2, bar::direction::at_least, 1.5}},
                      {"the moon was full"}};
};

TEST_F(report_test, table_has_every_figure_bar_and_remark) {
  std::ostringstream out;
  print(report, out);
  EXPECT_THAT(out.str(), HasSubstr("2.000"));
  EXPECT_THAT(out.str(), HasSubstr("0.125"));
  EXPECT_THAT(out.str(), HasSubstr("holds"));
  EXPECT_THAT(out.str(), Not(HasSubstr("MISSED")));
  EXPECT_THAT(out.str(), HasSubstr("the moon was full"));
  report.bars[0].value = 1.4;
  print(report, out);
  EXPECT_THAT(out.str(), HasSubstr("MISSED"));
  EXPECT_FALSE(report.all_hold());
}

TEST_F(report_test, json_has_the_rounds_and_the_bars) {
  const tests::temporary_directory directory{std::filesystem::current_path()};
  const auto path = directory.path() / "figures.json";
  write_json(report, path);
  std::ostringstream text;
  text << std::ifstream{path}.rdbuf();
  const auto json = boost::json::parse(text.str());
  const auto& ours = json.at("measured").at(0);
  EXPECT_EQ(ours.at("name").as_string(), "ours");
  EXPECT_EQ(ours.at("median_gib_per_second").to_number<double>(), 2);
  EXPECT_EQ(ours.at("rounds").at(0).at("bytes").to_number<std::uint64_t>(), gib);
  EXPECT_TRUE(json.at("bars").at(0).at("holds").as_bool());
  EXPECT_EQ(json.at("remarks").at(0).as_string(), "the moon was full");
}

TEST_F(report_test, json_that_cannot_be_written_is_an_error_with_the_name) {
  try {
    write_json(report, "/nowhere/figures.json");
    FAIL() << "wrote to a directory that does not exist";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/figures.json"));
  }
}

} // namespace
} // namespace ckpt::apps::bench
