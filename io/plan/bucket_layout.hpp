// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The bucket that the planner is filling: the places of its tensors, and the windows of files from which they
// are read. Pure; the planner's thread.
//
//   file     ..[a][b]........[c][d][e]..     tensors that follow each other in a file are a lane
//   bucket   |.[a][b]  |     |.[c][d][e] |   a lane starts on a new page, at the file's offset in a page
//
// So a lane's layout does not depend on the rest of the bucket, and the size of the bucket with one more
// group is known without a new layout.

#include "io/plan/bucket_plan.hpp"

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace ckpt::io {

class bucket_layout {
public:
  /// `source` has to outlive this.
  bucket_layout(const checkpoint& source, std::uint64_t chunk_bytes);

  [[nodiscard]] bool is_empty() const noexcept { return tensors_.empty(); }

  /// The bytes that the bucket would occupy in the ring with `group` added to it.
  [[nodiscard]] std::uint64_t slot_bytes_with(const tensor_group& group) const;

  void add(const tensor_group& group);

  /// Appends the bucket, which must not be empty, to `plan`, without slot and owner, and starts a new one.
  void close(bucket_plan& plan);

private:
  /// Tensors of one file without a gap.
  struct lane {
    std::uint64_t begin = 0;     ///< position of its first byte, see position_of()
    std::uint64_t end_bytes = 0; ///< from the page at which it starts in the bucket
    std::uint64_t base = 0;      ///< offset of that page in the bucket; set by close()

    [[nodiscard]] std::uint64_t slot_bytes() const { return align_up(end_bytes, page_bytes); }
  };

  struct laid_tensor {
    std::uint32_t tensor = 0;
    std::uint32_t lane = 0;
    std::uint64_t lane_bytes = 0; ///< from the page at which the lane starts
    std::uint32_t group_file = 0; ///< the first file that its group has tensors in
  };

  /// A stretch of one file that goes to the bucket in one piece.
  struct run {
    std::uint32_t file = 0;
    extent bytes;
    std::uint64_t bucket_offset = 0;
  };

  [[nodiscard]] std::uint64_t position_of(std::uint32_t file, std::uint64_t offset) const {
    return file_positions_[file] + offset;
  }
  [[nodiscard]] lane lane_for(const checkpoint_tensor& tensor) const;
  [[nodiscard]] std::uint32_t first_file_of(const tensor_group& group) const;
  void place_lanes();
  void append_list(bucket_plan& plan);
  void add_to_runs(const checkpoint_tensor& tensor, std::uint64_t bucket_offset);
  void cut_windows(bucket_plan& plan) const;
  void cut_windows_of(std::span<const run> runs, bucket_plan& plan) const;

  const checkpoint& source_;
  std::uint64_t chunk_bytes_;
  std::vector<std::uint64_t> file_positions_; ///< of all files one behind the other
  std::vector<lane> lanes_;
  std::unordered_map<std::uint64_t, std::uint32_t> lanes_by_end_; ///< by position
  std::vector<laid_tensor> tensors_;
  std::vector<run> runs_; ///< by file and offset
  std::uint64_t slot_bytes_ = 0;
  std::uint64_t tensor_bytes_ = 0;
};

} // namespace ckpt::io
