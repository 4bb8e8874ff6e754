// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reads what ckpt-actor-node writes with --trace, and checks that a viewer can show it.

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace ckpt::tests {

struct traced_span {
  std::string name;
  std::string track; ///< without the number of its line
  double begin_us = 0;
  double end_us = 0;
};

/// The spans of one host, by category.
using traced_host = std::map<std::string, std::vector<traced_span>>;

/// The spans by host. Spans of one line must not overlap, and each line must have a name.
inline std::map<std::int64_t, traced_host> read_trace(const boost::json::value& trace) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::string> names;
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<traced_span>> lines;
  std::map<std::int64_t, traced_host> hosts;
  for (const auto& event : trace.at("traceEvents").as_array())
    if (event.at("name") == "thread_name")
      names[{event.at("pid").as_int64(), event.at("tid").as_int64()}] =
          event.at("args").at("name").as_string();
  for (const auto& event : trace.at("traceEvents").as_array()) {
    if (event.at("ph") != "X")
      continue;
    const std::pair line{event.at("pid").as_int64(), event.at("tid").as_int64()};
    const auto begin = event.at("ts").to_number<double>();
    EXPECT_TRUE(names.contains(line)) << event;
    EXPECT_GE(begin, 0) << event;
    EXPECT_GE(event.at("dur").to_number<double>(), 0) << event;
    traced_span span{std::string{event.at("name").as_string()}, names[line].substr(0, names[line].find(" (")),
                     begin, begin + event.at("dur").to_number<double>()};
    lines[line].push_back(span);
    hosts[line.first][std::string{event.at("cat").as_string()}].push_back(std::move(span));
  }
  constexpr double rounding_us = 0.002;
  for (auto& [line, spans] : lines) {
    std::ranges::sort(spans, {}, &traced_span::begin_us);
    for (std::size_t at = 1; at < spans.size(); ++at)
      EXPECT_LE(spans[at - 1].end_us, spans[at].begin_us + rounding_us)
          << names[line] << ": " << spans[at - 1].name << " and " << spans[at].name;
  }
  return hosts;
}

/// The only span of this name in the category; fails where there is none.
inline traced_span find_span(const traced_host& host, const std::string& category, const std::string& name) {
  const auto known = host.find(category);
  if (known != host.end())
    if (const auto found = std::ranges::find(known->second, name, &traced_span::name);
        found != known->second.end())
      return *found;
  ADD_FAILURE() << "the trace has no " << category << ": " << name;
  return {};
}

} // namespace ckpt::tests
