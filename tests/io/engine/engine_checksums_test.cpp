// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/engine/engine_checksums.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include <boost/json.hpp>

namespace ckpt::io {
namespace {

using testing::HasSubstr;

engine_checksums read(std::string_view answer, std::size_t ranks) {
  return read_engine_checksums(boost::json::parse(answer), ranks);
}

std::string failure(std::string_view answer, std::size_t ranks) {
  try {
    static_cast<void>(read(answer, ranks));
    return "it was taken";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(engine_checksums, puts_workers_where_they_say_that_they_belong) {
  const auto checksums = read(R"({"ranks": [
      {"checksums": {"a": "01"}, "parallelism_info": [{"rank": 1, "role": "target"}, {"rank": 1}]},
      {"checksums": {"a": "00", "draft.a": "ff"}, "parallelism_info": [{"rank": 0}]}]})",
                              2);
  EXPECT_EQ(checksums, (engine_checksums{{{"a", "00"}, {"draft.a", "ff"}}, {{"a", "01"}}}));
  EXPECT_EQ(count_parameters(checksums), 3u);
}

TEST(engine_checksums, takes_the_place_in_the_list_where_nobody_says_a_rank) {
  EXPECT_EQ(read(R"({"ranks": [{"checksums": {"a": "00"}}, {"checksums": {"a": "01"}}]})", 2),
            (engine_checksums{{{"a", "00"}}, {{"a", "01"}}}));
  EXPECT_EQ(read(R"({"ranks": [{"checksums": {"a": "00"}, "parallelism_info": {"rank": 0}}]})", 1),
            (engine_checksums{{{"a", "00"}}}));
}

TEST(engine_checksums, takes_a_rank_twice_only_when_it_says_the_same) {
  EXPECT_EQ(read(R"({"ranks": [{"checksums": {"a": "00"}, "parallelism_info": [{"rank": 0}]},
                               {"checksums": {"a": "00"}, "parallelism_info": [{"rank": 0}]}]})",
                 1),
            (engine_checksums{{{"a", "00"}}}));
  EXPECT_THAT(failure(R"({"ranks": [{"checksums": {"a": "00"}, "parallelism_info": [{"rank": 0}]},
                                    {"checksums": {"a": "01"}, "parallelism_info": [{"rank": 0}]}]})",
                      1),
              HasSubstr("rank 0 is there twice"));
}

TEST(engine_checksums, refuses_what_is_no_answer) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "no list of ranks"},
      {R"({"ranks": 1})", "no list of ranks"},
      {R"({"ranks": []})", "nothing is said of rank 0 of 2"},
      {R"({"ranks": [{"checksums": {"a": "00"}}]})", "nothing is said of rank 1 of 2"},
      {R"({"ranks": [1, 2]})", "no checksums"},
      {R"({"ranks": [{"checksums": {}}, {}]})", "no checksums"},
      {R"({"ranks": [{"checksums": ["a"]}, {}]})", "no checksums"},
      {R"({"ranks": [{"checksums": {"a": 0}}, {}]})", "no checksum at \"a\""},
      {R"({"ranks": [{"checksums": {"a": ""}}, {}]})", "no checksum at \"a\""},
      {R"({"ranks": [{"checksums": {"a": "00"}, "parallelism_info": [{"rank": 2}]}]})", "rank 2"},
      {R"({"ranks": [{"checksums": {"a": "00"}, "parallelism_info": [{"rank": -1}]}]})", "which rank"},
      {R"({"ranks": [{"checksums": {"a": "00"}, "parallelism_info": [{"rank": "0"}]}]})", "which rank"},
      {R"({"ranks": [{"checksums": {"a": "00"}, "parallelism_info": []}]})", "which rank"}};
  for (const auto& [answer, words] : cases)
    EXPECT_THAT(failure(answer, 2), HasSubstr(words)) << answer;
  boost::json::object hostile{{std::string(2000, '\n'), "00"}};
  const boost::json::value long_name{
      {"ranks", boost::json::array{boost::json::object{{"checksums", hostile}}}}};
  EXPECT_THAT(failure(boost::json::serialize(long_name), 1), HasSubstr("no checksum at \"????"));
  EXPECT_LT(failure(boost::json::serialize(long_name), 1).size(), 700u);
}

TEST(engine_checksums, that_are_the_same_have_no_difference) {
  const engine_checksums one{{{"a", "00"}, {"b", "01"}}, {{"a", "02"}}};
  EXPECT_EQ(describe_difference(one, digest(one)), "");
}

TEST(engine_checksums, name_rank_and_parameters_of_a_difference) {
  const engine_checksums expected{{{"a", "00"}, {"b", "01"}}, {{"a", "02"}, {"b", "03"}}};
  auto found = expected;
  found[1]["b"] = "04";
  EXPECT_EQ(describe_difference(expected, digest(found)), "rank 1: b");
  found[0]["a"] = "01"; // the checksum of another parameter
  EXPECT_EQ(describe_difference(expected, digest(found)), "rank 0: a; rank 1: b");
}

TEST(engine_checksums, of_other_parameters_are_another_thing) {
  const engine_checksums expected{{{"a", "00"}, {"b", "01"}}};
  EXPECT_EQ(describe_difference(expected, digest({{{"a", "00"}}})), "rank 0: b; 1 parameters instead of 2");
  EXPECT_EQ(describe_difference(expected, digest({{{"a", "00"}, {"b", "01"}, {"c", "02"}}})),
            "rank 0: 3 parameters instead of 2");
  EXPECT_EQ(describe_difference(expected, digest({{{"a", "00"}, {"c", "01"}}})), "rank 0: b");
  EXPECT_EQ(describe_difference(expected, {}), "0 ranks instead of 1");
}

TEST(engine_checksums, names_a_few_and_counts_the_rest) {
  engine_checksums expected(7);
  engine_checksums found(7);
  for (auto rank = 0; rank < 7; ++rank)
    for (auto index = 0; index < 8; ++index) {
      expected[rank]["p" + std::to_string(index)] = "00";
      found[rank]["p" + std::to_string(index)] = "01";
    }
  const auto text = describe_difference(expected, digest(found));
  EXPECT_THAT(text, HasSubstr("rank 0: p0, p1, p2, p3, p4 and 3 more; rank 1: "));
  EXPECT_THAT(text, testing::EndsWith("; and 3 more ranks"));
}

} // namespace
} // namespace ckpt::io
