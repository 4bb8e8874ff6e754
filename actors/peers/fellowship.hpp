// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which of the hosts that join now, and take the same share, know each other: a peer_source decides that.
// Every pair that it introduces costs both a connection and messages, so each knows a few only; what one has
// reaches the rest by way of others. Pure; one thread.
//
// Bounds: a newcomer is introduced to `introduced_max` others, those that know the fewest, and nobody knows
// more than `fellows_max`.

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

namespace ckpt::actors {

class fellowship {
public:
  static constexpr std::size_t introduced_max = 8;
  static constexpr std::size_t fellows_max = 12;

  /// Those that the newcomer gets to know. None if it is here already.
  [[nodiscard]] std::vector<std::uint64_t> add(std::uint64_t newcomer);

  /// Those that knew the one which leaves.
  [[nodiscard]] std::vector<std::uint64_t> remove(std::uint64_t leaving);

  [[nodiscard]] bool is_empty() const noexcept { return fellows_.empty(); }

  [[nodiscard]] bool know_each_other(std::uint64_t one, std::uint64_t other) const;

private:
  std::map<std::uint64_t, std::set<std::uint64_t>> fellows_; ///< by host
};

} // namespace ckpt::actors
