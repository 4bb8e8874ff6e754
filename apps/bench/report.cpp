// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/bench/report.hpp"

#include "io/error.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iomanip>
#include <ostream>

#include <boost/json.hpp>

namespace ckpt::apps::bench {
namespace {

namespace json = boost::json;

std::size_t widest(const bench_report& report) {
  std::size_t width = 0;
  for (const auto& each : report.measured)
    width = std::max(width, each.name.size());
  for (const auto& each : report.bars)
    width = std::max(width, each.claim.size());
  return width;
}

const char* sign(const bar& each) { return each.side == bar::direction::at_least ? ">=" : "<="; }

/// A figure, or a dash where it was not measured.
void print_figure(std::ostream& out, double value, int width) {
  out << "  " << std::setw(width);
  if (value > 0)
    out << value;
  else
    out << "-";
}

json::object describe(const series& measured) {
  json::array rounds;
  for (const auto& round : measured.rounds)
    rounds.push_back(
        {{"bytes", round.bytes}, {"seconds", round.seconds}, {"cpu_seconds", round.cpu_seconds}});
  return {{"name", measured.name},
          {"median_seconds", median_seconds(measured)},
          {"median_gib_per_second", median_gib_per_second(measured)},
          {"median_cpu_seconds_per_gib", median_cpu_seconds_per_gib(measured)},
          {"rounds", std::move(rounds)}};
}

} // namespace

bool bench_report::all_hold() const noexcept {
  return std::all_of(bars.begin(), bars.end(), [](const bar& each) { return each.holds(); });
}

void print(const bench_report& report, std::ostream& out) {
  const auto width = static_cast<int>(widest(report));
  const auto flags = out.flags();
  out << std::fixed << std::setprecision(3);
  out << std::left << std::setw(width) << "medians" << std::right
      << "   rounds   seconds     GiB/s  CPU s/GiB\n";
  for (const auto& each : report.measured) {
    out << std::left << std::setw(width) << each.name << std::right << "  " << std::setw(7)
        << each.rounds.size();
    print_figure(out, median_seconds(each), 8);
    print_figure(out, median_gib_per_second(each), 8);
    print_figure(out, median_cpu_seconds_per_gib(each), 9);
    out << '\n';
  }
  for (const auto& each : report.bars)
    out << std::left << std::setw(width) << each.claim << std::right << "  " << std::setw(8) << each.value
        << ' ' << sign(each) << ' ' << each.limit << (each.holds() ? "  holds" : "  MISSED") << '\n';
  for (const auto& remark : report.remarks)
    out << "note: " << remark << '\n';
  out.flags(flags);
}

std::string to_json(const bench_report& report) {
  json::array measured;
  for (const auto& each : report.measured)
    measured.push_back(describe(each));
  json::array bars;
  for (const auto& each : report.bars)
    bars.push_back({{"claim", each.claim},
                    {"value", each.value},
                    {"relation", sign(each)},
                    {"limit", each.limit},
                    {"holds", each.holds()}});
  json::array remarks(report.remarks.begin(), report.remarks.end());
  return json::serialize(json::object{
      {"measured", std::move(measured)}, {"bars", std::move(bars)}, {"remarks", std::move(remarks)}});
}

void write_json(const bench_report& report, const std::filesystem::path& path) {
  std::ofstream file{path};
  file << to_json(report) << '\n';
  file.close();
  if (!file)
    throw io::system_failure(errno, "write", path.native());
}

} // namespace ckpt::apps::bench
