// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// That a measured read reads everything, and what is written about it.

#include "apps/bench/staged_read.hpp"
#include "apps/synthetic.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_directory.hpp"

#include <sstream>
#include <system_error>

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::apps::bench {
namespace {

using ::testing::HasSubstr;

TEST(staged_read, reads_every_byte_of_a_checkpoint_and_says_where_from) {
  const tests::temporary_directory directory{std::filesystem::current_path()};
  synthetic_options writing;
  writing.directory = directory.path() / "checkpoint";
  writing.tensors.total_bytes = 20 << 20;
  const auto written = write_checkpoint(writing);
  staged_read_options options;
  options.chunk_bytes = 1 << 20;
  options.in_flight_max = 4;
  staged_read reader{options};
  const auto result = reader.run(writing.directory);
  EXPECT_GE(result.bytes, written.tensor_bytes);
  EXPECT_LT(result.bytes, written.tensor_bytes + (1 << 20)) << "what lies between them";
  EXPECT_EQ(result.cached_fraction, 1) << "it was just written";
}

struct report_test : ::testing::Test {
  bench_report report{{{"ours", {{1U << 30, 0.5, 0.125, 1}}}, {"headers", {{0, 1, 0, 0}}}},
                      {"the moon was full"}};
  tests::temporary_directory directory{std::filesystem::current_path()};
};

TEST_F(report_test, has_every_round_and_remark_for_people) {
  std::ostringstream out;
  print(report, out);
  EXPECT_EQ(out.str(), "ours: 0.500 s, 2.000 GiB/s, 0.125 s of processors\n"
                       "headers: 1.000 s, 0.000 s of processors\n"
                       "note: the moon was full\n");
}

TEST_F(report_test, has_them_for_programs) {
  const auto path = directory.path() / "figures.json";
  write_json(report, path);
  const auto json = boost::json::parse(tests::read_file(path));
  const auto& ours = json.at("measured").at(0);
  EXPECT_EQ(ours.at("name").as_string(), "ours");
  EXPECT_EQ(ours.at("rounds").at(0).at("bytes").to_number<std::uint64_t>(), 1U << 30);
  EXPECT_EQ(ours.at("rounds").at(0).at("seconds").to_number<double>(), 0.5);
  EXPECT_EQ(ours.at("rounds").at(0).at("cached_fraction").to_number<double>(), 1);
  EXPECT_EQ(json.at("remarks").at(0).as_string(), "the moon was full");
}

TEST_F(report_test, that_cannot_be_written_is_an_error_with_the_name) {
  try {
    write_json(report, "/nowhere/figures.json");
    FAIL() << "wrote to a directory that does not exist";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/figures.json"));
  }
}

} // namespace
} // namespace ckpt::apps::bench
