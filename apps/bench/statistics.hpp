// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The result of one round and of a series of rounds, and how contenders take turns. Pure but for alternate().

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ckpt::apps::bench {

/// One round.
struct measurement {
  std::uint64_t bytes = 0; ///< 0 where only the time counts
  double seconds = 0;
  double cpu_seconds = 0; ///< of all threads, kernel workers included; 0 where it was not measured
};

/// The rounds of one contender.
struct series {
  std::string name;
  std::vector<measurement> rounds;
};

/// The middle value, or the mean of the two middle ones. Throws std::invalid_argument when there is none.
[[nodiscard]] double median(std::vector<double> values);

[[nodiscard]] double median_seconds(const series& measured);
[[nodiscard]] double median_gib_per_second(const series& measured);
[[nodiscard]] double median_cpu_seconds_per_gib(const series& measured);

/// A claim about a figure, and whether it holds.
struct bar {
  enum class direction : std::uint8_t { at_least, at_most };

  std::string claim;
  double value = 0;
  direction side = direction::at_least;
  double limit = 0;

  [[nodiscard]] bool holds() const noexcept {
    return side == direction::at_least ? value >= limit : value <= limit;
  }
};

struct contender {
  std::string name;
  std::function<void()> prepare; ///< not measured
  std::function<measurement()> run;
};

/// Runs every contender `rounds` times, in turns, with the order reversed every other round: so drift on a
/// shared machine affects all of them alike.
[[nodiscard]] std::vector<series> alternate(const std::vector<contender>& contenders, unsigned rounds);

} // namespace ckpt::apps::bench
