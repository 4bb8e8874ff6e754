// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/verdict.hpp"

#include "actors/update.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_directory.hpp"

#include <system_error>

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::actors {
namespace {

using testing::HasSubstr;

/// Two engines, of which the second failed in the middle.
update_verdict half_failed() {
  update_verdict verdict;
  verdict.first_cause = {ec::engine_failed, "worker 1 of engine B failed", 1};
  verdict.engines.push_back({"A", served_weights::updated, "", "v7", 100, 1.5});
  verdict.engines.push_back({"B", served_weights::mixed, "worker 1 of engine B failed", "v7", 40, 2});
  verdict.stages.push_back({"disk", 100, 0.5});
  verdict.stages.push_back({"copy", 0, 0});
  verdict.seconds = 2;
  return verdict;
}

TEST(verdict, is_written_as_json_with_cause_engines_and_rates) {
  const tests::temporary_directory directory;
  const auto path = directory.write("report.json", "what stood there before");
  write_report(half_failed(), update{}, path);
  const auto report = boost::json::parse(tests::read_file(path));
  EXPECT_EQ(report.at("outcome"), "failed");
  EXPECT_EQ(report.at("exit_status"), 4);
  EXPECT_EQ(report.at("cause").at("code"), "engine_failed");
  EXPECT_EQ(report.at("engines").at(0).at("outcome"), "updated");
  EXPECT_EQ(report.at("engines").at(1).at("serves"), "mixed");
  EXPECT_EQ(report.at("engines").at(1).at("cause"), "worker 1 of engine B failed");
  EXPECT_EQ(report.at("stages").at("disk").at("bytes_per_second"), 200.0);
  EXPECT_TRUE(report.at("stages").at("copy").at("bytes_per_second").is_null()) << "nothing was copied";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{directory.path()}, {}), 1)
      << "nothing beside it";
}

TEST(verdict, that_cannot_be_written_is_an_error_that_names_the_file) {
  try {
    write_report(half_failed(), update{}, "/nowhere/report.json");
    FAIL() << "it was written nowhere";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/report.json"));
  }
}

TEST(verdict, tells_the_user_which_engine_serves_what) {
  const auto text = describe(half_failed(), update{});
  EXPECT_THAT(text, HasSubstr("engine A: updated to version v7"));
  EXPECT_THAT(text, HasSubstr("engine B: FAILED, serves MIXED weights: worker 1 of engine B failed"));
  EXPECT_THAT(text, HasSubstr("failed after 2.00 s (engine_failed)"));
}

TEST(verdict, shows_bytes_in_the_unit_that_fits) {
  EXPECT_EQ(describe_bytes(0), "0 B");
  EXPECT_EQ(describe_bytes(1023), "1023 B");
  EXPECT_EQ(describe_bytes(1536), "1.50 KiB");
  EXPECT_EQ(describe_bytes(3ull << 40), "3.00 TiB");
  EXPECT_EQ(describe_bytes(5000ull << 40), "5000.00 TiB");
}

} // namespace
} // namespace ckpt::actors
