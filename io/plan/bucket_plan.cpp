// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Planning in three passes: fill buckets with groups (bucket_layout says where everything lies), lay the
// buckets out in the ring, deal them to the ranks.

#include "io/plan/bucket_plan.hpp"

#include "io/plan/bucket_layout.hpp"

#include <algorithm>
#include <cassert>
#include <functional>
#include <queue>
#include <stdexcept>
#include <tuple>

namespace ckpt::io {
namespace {

constexpr std::uint64_t mib = 1 << 20;

std::uint64_t default_bucket_bytes(std::uint64_t tensor_bytes) {
  return std::clamp(align_up(tensor_bytes / 64, page_bytes), 16 * mib, 256 * mib);
}

/// In the order of their largest tensors: so the files are read from start to end.
void sort_by_bulk(std::vector<tensor_group>& groups, const checkpoint& source) {
  struct place {
    std::uint32_t largest_tensor;
    std::uint32_t group;
  };
  std::vector<place> order;
  order.reserve(groups.size());
  for (std::uint32_t group = 0; group < groups.size(); ++group)
    order.push_back(
        {*std::ranges::max_element(groups[group].tensors, {},
                                   [&](auto index) { return source.tensors[index].bytes.length; }),
         group});
  std::ranges::sort(order, {}, &place::largest_tensor);
  std::vector<tensor_group> sorted;
  sorted.reserve(groups.size());
  for (const auto& each : order)
    sorted.push_back(std::move(groups[each.group]));
  groups = std::move(sorted);
}

class planner {
public:
  planner(const checkpoint& source, const plan_options& options, std::uint64_t bucket_bytes)
      : source_{source}, options_{options} {
    plan_.bucket_bytes = bucket_bytes;
  }

  bucket_plan make(tensor_groups grouped) {
    plan_.group_count = static_cast<std::uint32_t>(grouped.groups.size());
    plan_.divided = std::move(grouped.divided);
    sort_by_bulk(grouped.groups, source_);
    fill_buckets(grouped.groups);
    name_largest(grouped.groups);
    lay_out_ring();
    deal_owners();
    return std::move(plan_);
  }

private:
  void fill_buckets(const std::vector<tensor_group>& groups) {
    plan_.tensors.reserve(source_.tensors.size());
    bucket_layout open{source_, options_.chunk_bytes};
    const bucket_layout empty{source_, options_.chunk_bytes};
    for (const auto& group : groups) {
      largest_group_slot_ = std::max(largest_group_slot_, empty.slot_bytes_with(group));
      if (!open.is_empty() && open.slot_bytes_with(group) > plan_.bucket_bytes)
        open.close(plan_);
      open.add(group);
    }
    if (!open.is_empty())
      open.close(plan_);
  }

  void name_largest(const std::vector<tensor_group>& groups) {
    const auto largest = std::ranges::max_element(groups, {}, &tensor_group::bytes);
    if (largest != groups.end())
      plan_.largest = {name_of(*largest, source_.tensors), largest->bytes};
  }

  /// Buckets follow each other in the ring and start over where the rest is too short. A bucket has to be
  /// acknowledged before it is overwritten. Acknowledgements come in sequence, so the last one overwritten
  /// stands for all.
  void lay_out_ring() {
    std::uint64_t slots = 0;
    for (const auto& bucket : plan_.buckets)
      slots += bucket.slot_bytes;
    plan_.ring_bytes = std::min(slots, largest_group_slot_ + 2 * plan_.bucket_bytes);
    std::uint64_t cursor = 0;
    std::size_t oldest = 0; // First bucket whose slot no later bucket has overwritten yet.
    for (std::size_t index = 0; index < plan_.buckets.size(); ++index) {
      auto& bucket = plan_.buckets[index];
      assert(bucket.slot_bytes <= plan_.ring_bytes);
      if (cursor + bucket.slot_bytes > plan_.ring_bytes) {
        // Buckets of the previous lap in the skipped rest are older than any at the start of the ring.
        while (oldest < index && plan_.buckets[oldest].slot_offset >= cursor)
          ++oldest;
        cursor = 0;
      }
      bucket.slot_offset = cursor;
      cursor += bucket.slot_bytes;
      while (oldest < index && overlap(plan_.buckets[oldest], bucket))
        ++oldest;
      if (oldest > 0)
        bucket.waits_for = static_cast<std::uint32_t>(oldest - 1);
    }
  }

  [[nodiscard]] static bool overlap(const planned_bucket& left, const planned_bucket& right) {
    return left.slot_offset < right.slot_offset + right.slot_bytes
           && right.slot_offset < left.slot_offset + left.slot_bytes;
  }

  /// Each bucket goes to the rank that has the fewest bytes so far: even to within one bucket, and rotating.
  /// Ranks that are equal take turns host by host, so that neighbours in the sequence come from different
  /// disks.
  void deal_owners() {
    struct share {
      std::uint64_t bytes = 0;
      std::uint32_t turn = 0;
      bool operator>(const share& other) const {
        return std::tie(bytes, turn) > std::tie(other.bytes, other.turn);
      }
    };
    std::priority_queue<share, std::vector<share>, std::greater<>> shares;
    for (std::uint32_t turn = 0; turn < options_.ranks; ++turn)
      shares.push({0, turn});
    const auto hosts = options_.ranks / options_.ranks_per_host;
    for (auto& bucket : plan_.buckets) {
      auto least = shares.top();
      shares.pop();
      bucket.owner = least.turn % hosts * options_.ranks_per_host + least.turn / hosts;
      least.bytes += bucket.tensor_bytes;
      shares.push(least);
    }
  }

  const checkpoint& source_;
  const plan_options& options_;
  bucket_plan plan_;
  std::uint64_t largest_group_slot_ = 0;
};

} // namespace

bucket_plan plan_buckets(const checkpoint& source, const plan_options& options) {
  if (options.chunk_bytes == 0 || options.chunk_bytes % page_bytes != 0)
    throw std::invalid_argument{"the chunk size must be a positive multiple of 4096 bytes"};
  if (options.bucket_bytes % page_bytes != 0)
    throw std::invalid_argument{"the bucket size must be a multiple of 4096 bytes"};
  if (options.ranks == 0 || options.ranks_per_host == 0 || options.ranks % options.ranks_per_host != 0)
    throw std::invalid_argument{"a plan needs at least one rank, and as many on each host"};
  const auto bucket_bytes =
      options.bucket_bytes != 0 ? options.bucket_bytes : default_bucket_bytes(source.tensor_bytes);
  const std::vector<name_pattern> rows(options.keep_together.begin(), options.keep_together.end());
  return planner{source, options, bucket_bytes}.make(group_tensors(source.tensors, rows));
}

} // namespace ckpt::io
