// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/trace.hpp"

#include <algorithm>
#include <string>

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::apps {
namespace {

namespace json = boost::json;
using actors::track_report;
using kind = track_report::kind;

/// One host with these tracks.
trace of(std::vector<track_report> tracks) {
  trace made;
  made.version = "v1";
  made.buckets = 4;
  made.bucket_bytes = {10, 20, 30, 40};
  made.hosts.push_back({0, "node0", std::move(tracks)});
  return made;
}

json::array events_of(const trace& recorded) {
  return json::parse(chrome_json(recorded)).at("traceEvents").as_array();
}

/// The only event of this name.
json::object event(const json::array& events, std::string_view name) {
  const auto found =
      std::ranges::find_if(events, [&](const auto& one) { return one.at("name").as_string() == name; });
  EXPECT_NE(found, events.end()) << name << " is not in " << events;
  return found == events.end() ? json::object{} : found->as_object();
}

TEST(trace, has_a_span_for_each_bucket_in_microseconds) {
  const auto events = events_of(of({{kind::disk, "disk", {{2, 1'500, 4'000, true}}}}));
  const auto bucket = event(events, "bucket 2");
  EXPECT_EQ(bucket.at("ph"), "X");
  EXPECT_EQ(bucket.at("cat"), "disk");
  EXPECT_EQ(bucket.at("ts"), 1.5);
  EXPECT_EQ(bucket.at("dur"), 2.5);
  EXPECT_EQ(bucket.at("args"), (json::object{{"bytes", 30}}));
  EXPECT_EQ(event(events, "process_name").at("args").at("name"), "host 0 (node0)");
  EXPECT_EQ(event(events, "thread_name").at("args").at("name"), "disk");
}

TEST(trace, has_spans_that_overlap_on_lines_of_their_own) {
  const auto events = events_of(
      of({{kind::disk, "disk", {{0, 0, 2'000, true}, {1, 1'000, 3'000, true}, {2, 2'000, 4'000, true}}},
          {kind::broadcast, "broadcast", {{0, 0, 5'000, true}}}}));
  EXPECT_EQ(event(events, "bucket 2").at("tid"), event(events, "bucket 0").at("tid"));
  EXPECT_NE(event(events, "bucket 1").at("tid"), event(events, "bucket 0").at("tid"));
  std::vector<std::string> names;
  for (const auto& one : events)
    if (one.at("name") == "thread_name")
      names.emplace_back(one.at("args").at("name").as_string());
  EXPECT_THAT(names, testing::ElementsAre("disk", "disk (2)", "broadcast"));
}

TEST(trace, has_the_steps_of_a_worker_on_the_line_of_its_buckets) {
  const auto events =
      events_of(of({{kind::worker, "worker 0", {{0, 1'000, 2'000, true}}},
                    {kind::worker_steps, "worker 0", {{0, 0, 1'000, true}, {2, 2'000, 3'000, true}}}}));
  const auto line = event(events, "bucket 0").at("tid");
  EXPECT_EQ(event(events, "comes and opens the ring").at("tid"), line);
  EXPECT_EQ(event(events, "post hook").at("tid"), line);
}

TEST(trace, marks_what_went_on_when_the_update_ended) {
  const auto events = events_of(of({{kind::worker, "worker 0", {{3, 0, 1'000, false}}}}));
  EXPECT_EQ(event(events, "bucket 3").at("args"), (json::object{{"bytes", 40}, {"unfinished", true}}));
}

TEST(trace, says_which_buckets_it_leaves_out) {
  auto recorded = of({{kind::broadcast, "broadcast", {{0, 0, 1, true}, {3, 1, 2, true}}}});
  recorded.recorded_every = 3;
  recorded.bucket_bytes = {10, 40};
  const auto told = json::parse(chrome_json(recorded));
  EXPECT_EQ(told.at("otherData").at("buckets"), 4);
  EXPECT_EQ(told.at("otherData").at("recorded_buckets"), 2);
  const auto& events = told.at("traceEvents").as_array();
  EXPECT_EQ(event(events, "bucket 3").at("args").at("bytes"), 40);
  EXPECT_THAT(std::string{event(events, "process_name").at("args").at("name").as_string()},
              testing::HasSubstr("only one bucket in 3"));
}

TEST(trace, is_json_whatever_names_are_in_it) {
  auto recorded = of({{kind::pause, "pause of \"\\\xff", {{0, 0, 1, true}}}});
  recorded.version = "\xfe\"";
  EXPECT_EQ(event(events_of(recorded), "paused").at("cat"), "pause");
  EXPECT_TRUE(events_of({}).empty()) << "no host has moved anything";
}

} // namespace
} // namespace ckpt::apps
