// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/io/plan/plan_checks.hpp"

#include "io/read/source_file.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include <gtest/gtest.h>

namespace ckpt::io {
namespace {

/// The byte that stands at `offset` of `file`.
std::uint8_t content(std::uint32_t file, std::uint64_t offset) {
  return static_cast<std::uint8_t>((offset * 2654435761u + file * 97u) >> 7);
}

struct moved {
  std::uint64_t end = 0; // in the file
  std::uint64_t bucket_offset = 0;
};

using moves = std::map<std::pair<std::uint32_t, std::uint64_t>, moved>; // by file and offset in it

moves list_moves(const checkpoint& source, const bucket_plan& plan, const planned_bucket& bucket) {
  moves all;
  for (const auto& chunk : plan.chunks_of(bucket)) {
    EXPECT_LE(chunk.window.offset + chunk.needed_bytes, source.files[chunk.file].bytes);
    for (const auto& copy : plan.copies_of(chunk)) {
      EXPECT_LE(copy.window_offset + copy.length, chunk.needed_bytes);
      EXPECT_LE(copy.bucket_offset + copy.length, bucket.slot_bytes);
      const auto begin = chunk.window.offset + copy.window_offset;
      EXPECT_TRUE(all.insert({{chunk.file, begin}, {begin + copy.length, copy.bucket_offset}}).second);
    }
  }
  return all;
}

bool is_attention(std::string_view module) {
  std::string lower{module};
  std::ranges::transform(lower, lower.begin(), [](unsigned char letter) { return std::tolower(letter); });
  return lower.find("attn") != std::string::npos || lower.find("attention") != std::string::npos;
}

void check_tensor(const checkpoint_tensor& tensor, std::uint64_t bucket_offset, const moves& all) {
  auto at = tensor.bytes.offset;
  while (at < tensor.bytes.end()) {
    auto move = all.upper_bound({tensor.file, at});
    ASSERT_TRUE(move != all.begin()) << tensor.name;
    --move;
    ASSERT_EQ(move->first.first, tensor.file) << tensor.name;
    ASSERT_GT(move->second.end, at) << tensor.name;
    ASSERT_EQ(move->second.bucket_offset + (at - move->first.second),
              bucket_offset + (at - tensor.bytes.offset))
        << tensor.name;
    at = move->second.end;
  }
}

} // namespace

void replay(const checkpoint& source, const bucket_plan& plan) {
  std::vector<std::uint8_t> ring(plan.ring_bytes);
  for (const auto& bucket : plan.buckets) {
    ASSERT_LE(bucket.slot_offset + bucket.slot_bytes, plan.ring_bytes);
    ASSERT_EQ(bucket.slot_offset % page_bytes, 0u);
    for (const auto& chunk : plan.chunks_of(bucket))
      for (const auto& copy : plan.copies_of(chunk))
        for (std::uint64_t at = 0; at < copy.length; ++at)
          ring[bucket.slot_offset + copy.bucket_offset + at] =
              content(chunk.file, chunk.window.offset + copy.window_offset + at);
    for (const auto& placed : plan.tensors_of(bucket)) {
      const auto& tensor = source.tensors[placed.tensor];
      for (std::uint64_t at = 0; at < tensor.bytes.length; ++at)
        ASSERT_EQ(ring[bucket.slot_offset + placed.bucket_offset + at],
                  content(tensor.file, tensor.bytes.offset + at))
            << tensor.name << " byte " << at;
    }
  }
}

void check_copies(const checkpoint& source, const bucket_plan& plan) {
  for (const auto& bucket : plan.buckets) {
    const auto all = list_moves(source, plan, bucket);
    ASSERT_FALSE(testing::Test::HasFailure());
    std::uint64_t copied_bytes = 0;
    for (const auto& [place, move] : all)
      copied_bytes += move.end - place.second;
    ASSERT_EQ(copied_bytes, bucket.tensor_bytes) << "every byte once";
    for (const auto& placed : plan.tensors_of(bucket)) {
      const auto& tensor = source.tensors[placed.tensor];
      ASSERT_EQ((bucket.slot_offset + placed.bucket_offset) % alignment_bytes(tensor.type), 0u);
      ASSERT_LE(placed.bucket_offset + tensor.bytes.length, bucket.slot_bytes);
      ASSERT_NO_FATAL_FAILURE(check_tensor(tensor, placed.bucket_offset, all));
    }
  }
}

void check_shape(const checkpoint& source, const bucket_plan& plan, const plan_options& options) {
  ASSERT_EQ(plan.tensors.size(), source.tensors.size());
  std::vector<bool> seen(source.tensors.size());
  std::uint32_t next_tensor = 0;
  std::uint32_t next_chunk = 0;
  for (const auto& bucket : plan.buckets) {
    ASSERT_EQ(bucket.tensors.begin, next_tensor);
    ASSERT_EQ(bucket.chunks.begin, next_chunk);
    ASSERT_GT(bucket.tensors.size(), 0u);
    ASSERT_LT(bucket.owner, options.ranks);
    next_tensor = bucket.tensors.end;
    next_chunk = bucket.chunks.end;
    for (const auto& placed : plan.tensors_of(bucket)) {
      ASSERT_FALSE(seen.at(placed.tensor)) << source.tensors[placed.tensor].name;
      seen[placed.tensor] = true;
    }
  }
  ASSERT_EQ(next_tensor, plan.tensors.size());
  ASSERT_EQ(next_chunk, plan.chunks.size());
  for (const auto& chunk : plan.chunks) {
    ASSERT_EQ(chunk.window.offset % page_bytes, 0u);
    ASSERT_EQ(chunk.window.length % page_bytes, 0u);
    ASSERT_LE(chunk.window.length, options.chunk_bytes);
    ASSERT_LE(chunk.needed_bytes, chunk.window.length);
    ASSERT_GT(chunk.copies.size(), 0u);
  }
}

void check_lists(const checkpoint& source, const bucket_plan& plan, const plan_options& options) {
  const std::vector<name_pattern> rows(options.keep_together.begin(), options.keep_together.end());
  using place =
      std::pair<std::string, std::string>; // the path of the group's first file, and the tensor's name
  std::vector<place> places(source.tensors.size());
  for (const auto& group : group_tensors(source.tensors, rows).groups) {
    std::set<std::string> files;
    for (const auto index : group.tensors)
      files.insert(source.files[source.tensors[index].file].path);
    for (const auto index : group.tensors)
      places[index] = {*files.begin(), source.tensors[index].name};
  }
  for (const auto& bucket : plan.buckets) {
    const place* previous = nullptr;
    for (const auto& placed : plan.tensors_of(bucket)) {
      const auto& here = places[placed.tensor];
      ASSERT_TRUE(previous == nullptr || *previous < here)
          << previous->second << " comes before " << here.second;
      previous = &here;
    }
  }
}

void check_slots(const bucket_plan& plan) {
  std::map<std::uint64_t, std::pair<std::uint64_t, std::uint32_t>> writers; // by offset: end and last writer
  std::optional<std::uint32_t> last;
  for (std::uint32_t index = 0; index < plan.buckets.size(); ++index) {
    const auto& bucket = plan.buckets[index];
    const auto begin = bucket.slot_offset;
    const auto end = begin + bucket.slot_bytes;
    ASSERT_EQ(begin % page_bytes, 0u);
    ASSERT_LE(end, plan.ring_bytes);
    auto at = writers.upper_bound(begin);
    if (at != writers.begin() && std::prev(at)->second.first > begin)
      --at;
    while (at != writers.end() && at->first < end) {
      const auto [offset, written] = *at;
      last = std::max(last.value_or(0), written.second);
      at = writers.erase(at);
      if (offset < begin)
        writers.insert({offset, {begin, written.second}});
      if (written.first > end)
        at = writers.insert({end, {written.first, written.second}}).first;
    }
    writers.insert({begin, {end, index}});
    ASSERT_EQ(bucket.waits_for.has_value(), last.has_value()) << "bucket " << index;
    ASSERT_EQ(bucket.waits_for.value_or(0), last.value_or(0)) << "bucket " << index;
  }
}

std::vector<std::string> bonds_of(std::string_view name) {
  struct combination {
    std::string_view parent; // any where empty
    std::vector<std::string_view> modules;
  };
  static const std::vector<combination> combinations{{"", {"q_a_proj", "kv_a_proj_with_mqa", "g_proj"}},
                                                     {"indexer", {"wk", "weights_proj"}},
                                                     {"", {"wq_a", "wkv"}},
                                                     {"", {"wkv", "wgate"}},
                                                     {"mlp", {"gate_proj", "up_proj"}}};
  std::vector<std::string> bonds;
  std::string path;
  std::string_view parent;
  bool is_in_attention = false;
  for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
    const auto module = name.substr(0, dot);
    for (const auto& each : combinations)
      if ((each.parent.empty() || each.parent == parent) && std::ranges::count(each.modules, module) > 0)
        bonds.push_back(path + " of " + std::string{each.modules.front()} + " and others");
    path += std::string{module};
    if (!is_in_attention && is_attention(module)) {
      bonds.push_back("attention " + path);
      is_in_attention = true;
    }
    path += '.';
    parent = module;
    name.remove_prefix(dot + 1);
  }
  if (!path.empty())
    bonds.push_back("path " + path);
  return bonds;
}

std::vector<std::vector<std::string>> bonds_of(const checkpoint& source) {
  std::vector<std::vector<std::string>> bonds;
  for (const auto& tensor : source.tensors)
    bonds.push_back(bonds_of(tensor.name));
  return bonds;
}

void check_groups(const checkpoint& source, const bucket_plan& plan,
                  const std::vector<std::vector<std::string>>& bonds) {
  std::set<std::string> divided;
  for (const auto& module : plan.divided)
    divided.insert("attention " + module.name);
  std::unordered_map<std::string, std::pair<std::uint32_t, std::string>> bucket_of; // and a name in it
  for (std::uint32_t index = 0; index < plan.buckets.size(); ++index)
    for (const auto& placed : plan.tensors_of(plan.buckets[index])) {
      const auto& name = source.tensors[placed.tensor].name;
      for (const auto& bond : bonds[placed.tensor]) {
        if (divided.count(bond) > 0)
          continue;
        const auto& [bucket, other] = bucket_of.try_emplace(bond, index, name).first->second;
        ASSERT_EQ(bucket, index) << name << " is apart from " << other << " (" << bond << ")";
      }
    }
}

} // namespace ckpt::io
