// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/engine/engine_checksums.hpp"

#include "io/engine/engine_answers.hpp"
#include "io/error.hpp"

#include <algorithm>
#include <stdexcept>
#include <unordered_set>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ckpt::io {
namespace {

/// A parameter's name has a few dozen characters, a checksum at most the 128 of SHA-512.
constexpr std::size_t name_bytes_max = 1024;
constexpr std::size_t checksum_bytes_max = 128;

constexpr std::size_t ranks_described_max = 4;

/// The rank that the worker reports; its place in the list if it reports nothing.
[[nodiscard]] std::size_t rank_of(const boost::json::value& worker, std::size_t place) {
  const auto* info = member(worker, "parallelism_info");
  if (info == nullptr)
    return place;
  const auto* roles = info->if_array();
  const auto* rank =
      roles != nullptr && !roles->empty() ? member(roles->front(), "rank") : member(*info, "rank");
  boost::system::error_code failure;
  const auto number = rank == nullptr ? 0 : rank->to_number<std::size_t>(failure);
  if (rank == nullptr || failure)
    throw std::invalid_argument{"a worker does not say which rank it is"};
  return number;
}

[[nodiscard]] std::uint64_t hash(const std::string& name, const std::string& checksum) {
  return XXH3_64bits_withSeed(checksum.data(), checksum.size(), XXH3_64bits(name.data(), name.size()));
}

[[nodiscard]] rank_digest digest_rank(const rank_checksums& checksums) {
  rank_digest numbers;
  numbers.reserve(checksums.size());
  for (const auto& [name, checksum] : checksums)
    numbers.push_back(hash(name, checksum));
  return numbers;
}

/// Empty when both are the same.
[[nodiscard]] std::string describe_rank(const rank_checksums& expected, const rank_digest& found) {
  if (digest_rank(expected) == found)
    return {};
  const std::unordered_set<std::uint64_t> there{found.begin(), found.end()};
  std::vector<std::string_view> differing;
  for (const auto& [name, checksum] : expected)
    if (!there.contains(hash(name, checksum)))
      differing.push_back(name);
  auto text = name_some(differing);
  if (found.size() != expected.size())
    text += (text.empty() ? "" : "; ") + std::to_string(found.size()) + " parameters instead of "
            + std::to_string(expected.size());
  return text;
}

} // namespace

rank_checksums read_rank_checksums(const boost::json::value& object) {
  const auto* members = object.if_object();
  if (members == nullptr || members->empty())
    throw std::invalid_argument{"there are no checksums"};
  rank_checksums checksums;
  for (const auto& [name, value] : *members) {
    const auto* text = value.if_string();
    if (text == nullptr || text->empty() || text->size() > checksum_bytes_max || name.size() > name_bytes_max)
      throw std::invalid_argument{"there is no checksum at \"" + printable(std::string_view{name}) + "\""};
    checksums.emplace(std::string{name}, std::string{*text});
  }
  return checksums;
}

engine_checksums read_engine_checksums(const boost::json::value& answer, std::size_t rank_count) {
  const auto* found = member(answer, "ranks");
  const auto* workers = found == nullptr ? nullptr : found->if_array();
  if (workers == nullptr)
    throw std::invalid_argument{"there is no list of ranks"};
  engine_checksums checksums(rank_count);
  for (std::size_t place = 0; place < workers->size(); ++place) {
    const auto& worker = (*workers)[place];
    const auto rank = rank_of(worker, place);
    if (rank >= rank_count)
      throw std::invalid_argument{"there is a rank " + std::to_string(rank) + ", but the update was for "
                                  + std::to_string(rank_count) + " worker(s)"};
    const auto* named = member(worker, "checksums");
    auto read = read_rank_checksums(named == nullptr ? boost::json::value{} : *named);
    if (!checksums[rank].empty() && checksums[rank] != read)
      throw std::invalid_argument{"rank " + std::to_string(rank) + " is there twice, with other checksums"};
    checksums[rank] = std::move(read);
  }
  const auto missing = std::ranges::find_if(checksums, &rank_checksums::empty);
  if (missing != checksums.end())
    throw std::invalid_argument{"nothing is said of rank " + std::to_string(missing - checksums.begin())
                                + " of " + std::to_string(rank_count)};
  return checksums;
}

engine_digest digest(const engine_checksums& checksums) {
  engine_digest numbers;
  for (const auto& rank : checksums)
    numbers.push_back(digest_rank(rank));
  return numbers;
}

std::size_t count_parameters(const engine_checksums& checksums) {
  std::size_t count = 0;
  for (const auto& rank : checksums)
    count += rank.size();
  return count;
}

std::string describe_difference(const engine_checksums& expected, const engine_digest& found) {
  if (expected.size() != found.size())
    return std::to_string(found.size()) + " ranks instead of " + std::to_string(expected.size());
  rank_remarks differences;
  for (std::size_t rank = 0; rank < expected.size(); ++rank)
    if (const auto difference = describe_rank(expected[rank], found[rank]); !difference.empty())
      differences.add(rank, difference);
  return differences.text();
}

void rank_remarks::add(std::size_t rank, const std::string& what) {
  if (++count_ <= ranks_described_max)
    text_ += (text_.empty() ? "rank " : "; rank ") + std::to_string(rank) + ": " + what;
}

std::string rank_remarks::text() const {
  if (count_ <= ranks_described_max)
    return text_;
  return text_ + "; and " + std::to_string(count_ - ranks_described_max) + " more ranks";
}

} // namespace ckpt::io
