// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The plan of one update, computed from the tensor table alone: which tensors travel together, where each
// byte is read, and where it lies in the devices' rings. Pure; every host computes the same plan from the
// same headers.
//
//   file      ..[s][t]......[ a ][ b ][   c   ]..   consecutive whole groups (tensor_groups.hpp), in the
//               scales      weights                 order of their largest tensors; scales may lie apart
//   windows    |0|         | 1  |  2  |  3  |       page-aligned reads of at most chunk_bytes, one slab each
//   bucket    [s][t]  [ a ][ b ][   c   ]           the files' layout; only what would be misaligned is moved
//   list      a, a's scale, b, b's scale, c         by file, then by name; a group with its first file
//   ring      ==[ bucket k ]====[ bucket k+1 ]==    `slot_offset`; a bucket may be written once all workers
//                                                   of the host have acknowledged those up to `waits_for`
//
// A group's small tensors often lie far from its large ones: the safetensors library writes wide dtypes
// first. Each place costs one more window, so at most two more pages, and nothing is kept for later buckets.
// This is cheap: groups that are neighbours in one place are neighbours in the other, so their scales share a
// window. With buckets of 256 MiB DeepSeek-R1 reads 1.00003 bytes for each of its bytes: 65 windows a bucket,
// 2 of them not full. With one list for each group it reads 1.0006.

#include "io/checkpoint/checkpoint.hpp"
#include "io/extent.hpp"
#include "io/plan/tensor_groups.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ckpt::io {

/// Where a tensor lies in its bucket.
struct placed_tensor {
  std::uint32_t tensor = 0; ///< index into checkpoint::tensors
  /// Bytes from the start of the bucket; a multiple of the dtype's alignment.
  std::uint64_t bucket_offset = 0;
};

struct index_range {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  [[nodiscard]] constexpr std::uint32_t size() const { return end - begin; }
};

/// Bytes that go from a chunk to the bucket in one piece.
struct planned_copy {
  std::uint64_t window_offset = 0; ///< from the start of the chunk's window
  std::uint64_t bucket_offset = 0;
  std::uint64_t length = 0;
};

/// One read and the copies that it feeds: usually one, more where tensors were moved to be aligned, or where
/// bytes of other buckets lie in between.
struct planned_chunk {
  std::uint32_t bucket = 0;
  std::uint32_t file = 0;
  extent window;                  ///< in the file; page-aligned; at most chunk_bytes
  std::uint64_t needed_bytes = 0; ///< from the start of the window; the rest is not part of the bucket
  index_range copies;             ///< into bucket_plan::copies
};

struct planned_bucket {
  index_range tensors; ///< into bucket_plan::tensors, in the order of the list
  index_range chunks;  ///< into bucket_plan::chunks
  std::uint64_t tensor_bytes = 0;
  std::uint64_t slot_offset = 0;          ///< page-aligned, the same in every device's ring
  std::uint64_t slot_bytes = 0;           ///< page-aligned; what the bucket occupies in the ring
  std::optional<std::uint32_t> waits_for; ///< last bucket whose slot this one overwrites
  std::uint32_t owner = 0;                ///< rank that reads it and broadcasts it
};

struct plan_options {
  std::uint64_t bucket_bytes = 0; ///< 0: a 64th of the checkpoint, between 16 and 256 MiB
  std::uint64_t chunk_bytes = 4 << 20;
  std::uint32_t ranks = 1;          ///< devices that share the reading, counted host by host
  std::uint32_t ranks_per_host = 1; ///< divides `ranks`
  /// Patterns (see name_pattern) of tensors that travel together, in addition to the table in tensor_groups.
  std::vector<std::string> keep_together = {};
};

/// The group with the most bytes.
struct largest_group {
  std::string name;
  std::uint64_t bytes = 0;
};

struct bucket_plan {
  std::vector<placed_tensor> tensors;
  std::vector<planned_copy> copies;
  std::vector<planned_chunk> chunks;
  std::vector<planned_bucket> buckets; ///< in the sequence of the whole update
  std::uint64_t bucket_bytes = 0;      ///< a bucket that is larger holds a single group
  std::uint64_t ring_bytes = 0;        ///< on each device: at most the largest group + 2 * bucket_bytes
  std::uint64_t read_bytes = 0;        ///< sum of all windows
  std::uint32_t group_count = 0;
  largest_group largest;
  std::vector<divided_module> divided; ///< attention modules that are split over several lists

  [[nodiscard]] std::span<const placed_tensor> tensors_of(const planned_bucket& bucket) const {
    return std::span{tensors}.subspan(bucket.tensors.begin, bucket.tensors.size());
  }
  [[nodiscard]] std::span<const planned_chunk> chunks_of(const planned_bucket& bucket) const {
    return std::span{chunks}.subspan(bucket.chunks.begin, bucket.chunks.size());
  }
  [[nodiscard]] std::span<const planned_copy> copies_of(const planned_chunk& chunk) const {
    return std::span{copies}.subspan(chunk.copies.begin, chunk.copies.size());
  }
};

/// Plans the update of `source`. Throws std::invalid_argument for sizes that are not multiples of a page,
/// chunks of no bytes, ranks that do not fill hosts, and patterns that are not valid or match no tensor.
[[nodiscard]] bucket_plan plan_buckets(const checkpoint& source, const plan_options& options);

} // namespace ckpt::io
