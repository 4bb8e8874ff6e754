// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/peers/fellowship.hpp"

#include <algorithm>
#include <utility>

namespace ckpt::actors {

std::vector<std::uint64_t> fellowship::add(std::uint64_t newcomer) {
  if (fellows_.contains(newcomer))
    return {};
  std::vector<std::pair<std::size_t, std::uint64_t>> others; // How many each knows.
  for (const auto& [id, known] : fellows_)
    if (known.size() < fellows_max)
      others.emplace_back(known.size(), id);
  const auto count = std::min(others.size(), introduced_max);
  std::ranges::partial_sort(others, others.begin() + static_cast<std::ptrdiff_t>(count));
  std::vector<std::uint64_t> introduced;
  auto& known = fellows_[newcomer];
  for (std::size_t i = 0; i < count; ++i) {
    introduced.push_back(others[i].second);
    known.insert(others[i].second);
    fellows_[others[i].second].insert(newcomer);
  }
  return introduced;
}

std::vector<std::uint64_t> fellowship::remove(std::uint64_t leaving) {
  const auto found = fellows_.find(leaving);
  if (found == fellows_.end())
    return {};
  const std::vector<std::uint64_t> left{found->second.begin(), found->second.end()};
  fellows_.erase(found);
  for (const auto id : left)
    fellows_[id].erase(leaving);
  return left;
}

bool fellowship::know_each_other(std::uint64_t one, std::uint64_t other) const {
  const auto found = fellows_.find(one);
  return found != fellows_.end() && found->second.contains(other);
}

} // namespace ckpt::actors
