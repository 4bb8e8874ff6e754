// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/bench/report.hpp"

#include "io/error.hpp"

#include <cerrno>
#include <fstream>
#include <iomanip>
#include <ostream>

#include <boost/json.hpp>

namespace ckpt::apps::bench {
namespace {

namespace json = boost::json;

constexpr double gib_bytes = 1024.0 * 1024.0 * 1024.0;

json::object describe(const series& measured) {
  json::array rounds;
  for (const auto& round : measured.rounds)
    rounds.push_back({{"bytes", round.bytes},
                      {"seconds", round.seconds},
                      {"cpu_seconds", round.cpu_seconds},
                      {"cached_fraction", round.cached_fraction}});
  return {{"name", measured.name}, {"rounds", std::move(rounds)}};
}

} // namespace

void print(const bench_report& report, std::ostream& out) {
  const auto flags = out.flags();
  out << std::fixed << std::setprecision(3);
  for (const auto& each : report.measured)
    for (const auto& round : each.rounds) {
      out << each.name << ": " << round.seconds << " s";
      if (round.bytes > 0 && round.seconds > 0)
        out << ", " << static_cast<double>(round.bytes) / gib_bytes / round.seconds << " GiB/s";
      out << ", " << round.cpu_seconds << " s of processors\n";
    }
  for (const auto& remark : report.remarks)
    out << "note: " << remark << '\n';
  out.flags(flags);
}

void write_json(const bench_report& report, const std::filesystem::path& path) {
  json::array measured;
  for (const auto& each : report.measured)
    measured.push_back(describe(each));
  const json::array remarks(report.remarks.begin(), report.remarks.end());
  std::ofstream file{path};
  file << json::object{{"measured", std::move(measured)}, {"remarks", remarks}} << '\n';
  file.close();
  if (!file)
    throw io::system_failure(errno, "write", path.native());
}

} // namespace ckpt::apps::bench
