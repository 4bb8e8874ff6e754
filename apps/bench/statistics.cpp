// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Medians, because a shared machine has outliers in one direction only.

#include "apps/bench/statistics.hpp"

#include <algorithm>
#include <stdexcept>

namespace ckpt::apps::bench {
namespace {

constexpr double gib_bytes = 1024.0 * 1024.0 * 1024.0;

template <class Figure>
double median_of(const series& measured, Figure figure) {
  std::vector<double> values;
  values.reserve(measured.rounds.size());
  std::transform(measured.rounds.begin(), measured.rounds.end(), std::back_inserter(values), figure);
  return median(std::move(values));
}

} // namespace

double median(std::vector<double> values) {
  if (values.empty())
    throw std::invalid_argument{"a median needs at least one value"};
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double median_seconds(const series& measured) {
  return median_of(measured, [](const measurement& round) { return round.seconds; });
}

double median_gib_per_second(const series& measured) {
  return median_of(measured, [](const measurement& round) {
    return round.seconds > 0 ? static_cast<double>(round.bytes) / gib_bytes / round.seconds : 0;
  });
}

double median_cpu_seconds_per_gib(const series& measured) {
  return median_of(measured, [](const measurement& round) {
    return round.bytes > 0 ? round.cpu_seconds / (static_cast<double>(round.bytes) / gib_bytes) : 0;
  });
}

std::vector<series> alternate(const std::vector<contender>& contenders, unsigned rounds) {
  std::vector<series> all;
  for (const auto& each : contenders)
    all.push_back({each.name, {}});
  for (unsigned round = 0; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < contenders.size(); ++turn) {
      const auto index = round % 2 == 0 ? turn : contenders.size() - 1 - turn;
      if (contenders[index].prepare)
        contenders[index].prepare();
      all[index].rounds.push_back(contenders[index].run());
    }
  }
  return all;
}

} // namespace ckpt::apps::bench
