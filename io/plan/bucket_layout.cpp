// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/plan/bucket_layout.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <tuple>

namespace ckpt::io {
namespace {

/// A gap of other buckets' bytes that is read along: this takes less time than to begin another read.
constexpr std::uint64_t gap_bytes_max = 4 * page_bytes;

/// The offset of `tensor` in a lane that ends at `end_bytes` so far.
[[nodiscard]] std::uint64_t place_behind(std::uint64_t end_bytes, const checkpoint_tensor& tensor) {
  return align_up(end_bytes, alignment_bytes(tensor.type));
}

} // namespace

bucket_layout::bucket_layout(const checkpoint& source, std::uint64_t chunk_bytes)
    : source_{source}, chunk_bytes_{chunk_bytes} {
  std::uint64_t position = 0;
  for (const auto& file : source.files) {
    file_positions_.push_back(position);
    position += file.bytes + 1; // The end of a file is not the start of the next one.
  }
}

/// An empty lane that `tensor` is about to begin.
bucket_layout::lane bucket_layout::lane_for(const checkpoint_tensor& tensor) const {
  return {position_of(tensor.file, tensor.bytes.offset), tensor.bytes.offset % page_bytes, 0};
}

std::uint64_t bucket_layout::slot_bytes_with(const tensor_group& group) const {
  auto slot_bytes = slot_bytes_;
  lane open;
  std::uint64_t end = 0; // of the open lane, a position; no tensor lies at 0
  for (const auto index : group.tensors) {
    const auto& tensor = source_.tensors[index];
    const auto begin = position_of(tensor.file, tensor.bytes.offset);
    if (end != begin) {
      const auto known = lanes_by_end_.find(begin);
      open = known != lanes_by_end_.end() ? lanes_[known->second] : lane_for(tensor);
      slot_bytes += known != lanes_by_end_.end() ? 0 : open.slot_bytes();
    }
    slot_bytes -= open.slot_bytes();
    open.end_bytes = place_behind(open.end_bytes, tensor) + tensor.bytes.length;
    slot_bytes += open.slot_bytes();
    end = begin + tensor.bytes.length;
  }
  return std::max(slot_bytes, page_bytes);
}

std::uint32_t bucket_layout::first_file_of(const tensor_group& group) const {
  const auto file = [this](std::uint32_t index) { return source_.tensors[index].file; };
  return file(*std::ranges::min_element(group.tensors, {}, file));
}

void bucket_layout::add(const tensor_group& group) {
  const auto first_file = first_file_of(group);
  for (const auto index : group.tensors) {
    const auto& tensor = source_.tensors[index];
    const auto begin = position_of(tensor.file, tensor.bytes.offset);
    auto number = static_cast<std::uint32_t>(lanes_.size());
    if (const auto known = lanes_by_end_.find(begin); known != lanes_by_end_.end()) {
      number = known->second;
      lanes_by_end_.erase(known);
    } else {
      lanes_.push_back(lane_for(tensor));
      slot_bytes_ += lanes_.back().slot_bytes();
    }
    auto& open = lanes_[number];
    slot_bytes_ -= open.slot_bytes();
    const auto at = place_behind(open.end_bytes, tensor);
    open.end_bytes = at + tensor.bytes.length;
    slot_bytes_ += open.slot_bytes();
    tensors_.push_back({index, number, at, first_file});
    tensor_bytes_ += tensor.bytes.length;
    lanes_by_end_[begin + tensor.bytes.length] = number;
  }
}

/// Lanes lie in the bucket in the order of the files.
void bucket_layout::place_lanes() {
  std::vector<std::uint32_t> order(lanes_.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [this](std::uint32_t number) { return lanes_[number].begin; });
  std::uint64_t base = 0;
  for (const auto number : order) {
    lanes_[number].base = base;
    base += lanes_[number].slot_bytes();
  }
  assert(base == slot_bytes_);
}

/// By file and then by name, as in the engines' own loaders. One exception: a group's tensors in later files
/// come with those in its first. LMDeploy's Kimi-K2 loses a scale that comes before its weight. vLLM calls a
/// model's loader anew after each tensor that is not the model's, such as lm_head, and loses a half that
/// waits for its other one.
void bucket_layout::append_list(bucket_plan& plan) {
  const auto key = [this](const laid_tensor& laid) {
    return std::tie(laid.group_file, source_.tensors[laid.tensor].name);
  };
  std::ranges::sort(tensors_, {}, key);
  for (const auto& laid : tensors_)
    plan.tensors.push_back({laid.tensor, lanes_[laid.lane].base + laid.lane_bytes});
}

void bucket_layout::close(bucket_plan& plan) {
  assert(!is_empty());
  place_lanes();
  planned_bucket bucket;
  bucket.tensors.begin = static_cast<std::uint32_t>(plan.tensors.size());
  std::ranges::sort(tensors_, {}, &laid_tensor::tensor);
  for (const auto& laid : tensors_)
    add_to_runs(source_.tensors[laid.tensor], lanes_[laid.lane].base + laid.lane_bytes);
  append_list(plan);
  bucket.tensors.end = static_cast<std::uint32_t>(plan.tensors.size());
  bucket.chunks.begin = static_cast<std::uint32_t>(plan.chunks.size());
  cut_windows(plan);
  bucket.chunks.end = static_cast<std::uint32_t>(plan.chunks.size());
  bucket.tensor_bytes = tensor_bytes_;
  bucket.slot_bytes = std::max(slot_bytes_, page_bytes);
  plan.buckets.push_back(bucket);
  lanes_.clear();
  lanes_by_end_.clear();
  tensors_.clear();
  runs_.clear();
  slot_bytes_ = 0;
  tensor_bytes_ = 0;
}

void bucket_layout::add_to_runs(const checkpoint_tensor& tensor, std::uint64_t bucket_offset) {
  if (tensor.bytes.length == 0)
    return;
  if (!runs_.empty()) {
    auto& last = runs_.back();
    if (last.file == tensor.file && last.bytes.end() == tensor.bytes.offset
        && last.bucket_offset + last.bytes.length == bucket_offset) {
      last.bytes.length += tensor.bytes.length;
      return;
    }
  }
  runs_.push_back({tensor.file, tensor.bytes, bucket_offset});
}

/// Runs that lie close together in a file share windows: no page is read twice for one bucket.
void bucket_layout::cut_windows(bucket_plan& plan) const {
  for (std::size_t first = 0; first < runs_.size();) {
    auto last = first + 1;
    while (last < runs_.size() && runs_[last].file == runs_[first].file
           && runs_[last].bytes.offset - runs_[last - 1].bytes.end() <= gap_bytes_max)
      ++last;
    cut_windows_of(std::span{runs_}.subspan(first, last - first), plan);
    first = last;
  }
}

void bucket_layout::cut_windows_of(std::span<const run> runs, bucket_plan& plan) const {
  std::uint64_t read_up_to = 0; // in the file
  for (std::size_t next = 0; next < runs.size();) {
    planned_chunk chunk;
    chunk.bucket = static_cast<std::uint32_t>(plan.buckets.size());
    chunk.file = runs[next].file;
    chunk.window.offset = align_down(std::max(runs[next].bytes.offset, read_up_to), page_bytes);
    chunk.copies.begin = static_cast<std::uint32_t>(plan.copies.size());
    const auto limit = chunk.window.offset + chunk_bytes_;
    auto needed_end = chunk.window.offset;
    for (auto at = next; at < runs.size() && runs[at].bytes.offset < limit; ++at) {
      const auto begin = std::max(runs[at].bytes.offset, chunk.window.offset);
      needed_end = std::min(runs[at].bytes.end(), limit);
      plan.copies.push_back({begin - chunk.window.offset,
                             runs[at].bucket_offset + (begin - runs[at].bytes.offset), needed_end - begin});
      if (runs[at].bytes.end() <= limit)
        next = at + 1;
    }
    chunk.copies.end = static_cast<std::uint32_t>(plan.copies.size());
    chunk.needed_bytes = needed_end - chunk.window.offset;
    chunk.window.length = align_up(chunk.needed_bytes, page_bytes);
    read_up_to = chunk.window.end();
    plan.read_bytes += chunk.window.length;
    plan.chunks.push_back(chunk);
  }
}

} // namespace ckpt::io
