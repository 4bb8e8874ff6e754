// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Planning in four passes over the tensor table: place tensors in buckets, cut the buckets' file ranges into
// chunks, lay the buckets out in the ring, deal them to the ranks.

#include "io/bucket_plan.hpp"

#include "io/source_file.hpp"

#include <algorithm>
#include <cassert>
#include <functional>
#include <queue>
#include <stdexcept>
#include <tuple>

namespace ckpt::io {
namespace {

constexpr std::uint64_t mib = 1 << 20;

/// A stretch of one file that goes to the bucket in one piece.
struct run {
  std::uint32_t file = 0;
  extent bytes;
  std::uint64_t bucket_offset = 0;
};

std::uint64_t default_bucket_bytes(std::uint64_t tensor_bytes) {
  return std::clamp(align_up(tensor_bytes / 64, page_bytes), 16 * mib, 256 * mib);
}

class planner {
public:
  planner(const checkpoint& source, const plan_options& options, std::uint64_t bucket_bytes)
      : source_{source}, options_{options} {
    plan_.bucket_bytes = bucket_bytes;
  }

  bucket_plan make() {
    plan_.tensors.reserve(source_.tensors.size());
    for (std::uint32_t index = 0; index < source_.tensors.size(); ++index)
      place(index);
    close_bucket();
    lay_out_ring();
    deal_owners();
    return std::move(plan_);
  }

private:
  /// Where `tensor` comes to lie if it is added to the bucket as it stands.
  [[nodiscard]] std::uint64_t offset_for(const checkpoint_tensor& tensor) const {
    const bool continues =
        !runs_.empty() && runs_.back().file == tensor.file && runs_.back().bytes.end() == tensor.bytes.offset;
    const auto natural = continues ? end_ : align_up(end_, page_bytes) + tensor.bytes.offset % page_bytes;
    return align_up(natural, alignment_bytes(tensor.type));
  }

  void place(std::uint32_t index) {
    const auto& tensor = source_.tensors[index];
    auto offset = offset_for(tensor);
    if (!bucket_is_empty() && offset + tensor.bytes.length > plan_.bucket_bytes) {
      close_bucket();
      offset = offset_for(tensor);
    }
    largest_tensor_slot_ =
        std::max(largest_tensor_slot_, align_up(tensor.bytes.offset % page_bytes
                                                    + alignment_bytes(tensor.type) + tensor.bytes.length,
                                                page_bytes));
    add_to_runs(tensor, offset);
    plan_.tensors.push_back({index, offset});
    tensor_bytes_ += tensor.bytes.length;
    end_ = offset + tensor.bytes.length;
  }

  void add_to_runs(const checkpoint_tensor& tensor, std::uint64_t offset) {
    if (!runs_.empty()) {
      auto& last = runs_.back();
      if (last.file == tensor.file && last.bytes.end() == tensor.bytes.offset
          && last.bucket_offset + last.bytes.length == offset) {
        last.bytes.length += tensor.bytes.length;
        return;
      }
    }
    runs_.push_back({tensor.file, tensor.bytes, offset});
  }

  [[nodiscard]] bool bucket_is_empty() const { return plan_.tensors.size() == first_tensor_; }

  void close_bucket() {
    if (bucket_is_empty())
      return;
    planned_bucket bucket;
    bucket.tensors = {first_tensor_, static_cast<std::uint32_t>(plan_.tensors.size())};
    bucket.chunks.begin = static_cast<std::uint32_t>(plan_.chunks.size());
    cut_chunks();
    bucket.chunks.end = static_cast<std::uint32_t>(plan_.chunks.size());
    bucket.tensor_bytes = tensor_bytes_;
    bucket.slot_bytes = std::max(align_up(end_, page_bytes), page_bytes);
    plan_.buckets.push_back(bucket);
    first_tensor_ = bucket.tensors.end;
    runs_.clear();
    tensor_bytes_ = 0;
    end_ = 0;
  }

  /// Cuts what the bucket needs of each file into windows. Runs that touch in the file share windows.
  void cut_chunks() {
    for (std::size_t first = 0; first < runs_.size();) {
      auto last = first + 1;
      while (last < runs_.size() && runs_[last].file == runs_[first].file
             && runs_[last].bytes.offset == runs_[last - 1].bytes.end())
        ++last;
      cut_file_range(first, last);
      first = last;
    }
  }

  void cut_file_range(std::size_t first, std::size_t last) {
    const extent bytes{runs_[first].bytes.offset, runs_[last - 1].bytes.end() - runs_[first].bytes.offset};
    if (bytes.length == 0)
      return;
    const auto range = align_out(bytes, page_bytes);
    auto next = first;
    for (auto begin = range.offset; begin < range.end(); begin += options_.chunk_bytes) {
      planned_chunk chunk;
      chunk.bucket = static_cast<std::uint32_t>(plan_.buckets.size());
      chunk.file = runs_[first].file;
      chunk.window = {begin, std::min(options_.chunk_bytes, range.end() - begin)};
      chunk.needed_bytes = std::min(chunk.window.end(), bytes.end()) - begin;
      chunk.copies.begin = static_cast<std::uint32_t>(plan_.copies.size());
      for (auto at = next; at < last && runs_[at].bytes.offset < chunk.window.end(); ++at) {
        add_copy(runs_[at], chunk.window);
        if (runs_[at].bytes.end() <= chunk.window.end())
          next = at + 1;
      }
      chunk.copies.end = static_cast<std::uint32_t>(plan_.copies.size());
      plan_.read_bytes += chunk.window.length;
      plan_.chunks.push_back(chunk);
    }
  }

  void add_copy(const run& source, extent window) {
    const auto begin = std::max(source.bytes.offset, window.offset);
    const auto end = std::min(source.bytes.end(), window.end());
    if (begin < end)
      plan_.copies.push_back(
          {begin - window.offset, source.bucket_offset + (begin - source.bytes.offset), end - begin});
  }

  /// Buckets follow each other in the ring and start over where the rest is too short. Whoever is overwritten
  /// first must have been acknowledged; acknowledgements come in sequence, so the last one overwritten stands
  /// for all.
  void lay_out_ring() {
    std::uint64_t slots = 0;
    for (const auto& bucket : plan_.buckets)
      slots += bucket.slot_bytes;
    plan_.ring_bytes = std::min(slots, largest_tensor_slot_ + 2 * plan_.bucket_bytes);
    std::uint64_t cursor = 0;
    std::size_t oldest = 0; // First bucket whose slot no later bucket has overwritten yet.
    for (std::size_t index = 0; index < plan_.buckets.size(); ++index) {
      auto& bucket = plan_.buckets[index];
      assert(bucket.slot_bytes <= plan_.ring_bytes);
      if (cursor + bucket.slot_bytes > plan_.ring_bytes) {
        // What the previous lap left in the skipped rest is older than anything at the start of the ring.
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
  std::vector<run> runs_;          // of the open bucket
  std::uint32_t first_tensor_ = 0; // of the open bucket
  std::uint64_t tensor_bytes_ = 0; // of the open bucket
  std::uint64_t end_ = 0;          // of the open bucket
  std::uint64_t largest_tensor_slot_ = 0;
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
  return planner{source, options, bucket_bytes}.make();
}

} // namespace ckpt::io
