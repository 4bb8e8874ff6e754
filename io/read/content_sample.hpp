// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How hosts detect, with very little reading, that their files hold other weights in the same tensors: an
// earlier step of the same training, or a copy that stopped half-way. Training changes bytes everywhere:
// where one in ten thousand differs, every third page does. Any thread; waits for the disk.
//
// Samples one page in 4096, one for each 16 MiB, and at most 4096 pages. A terabyte takes 0.13 s from a disk
// that needs 1 ms for a read, with 32 reads in flight.

#include "io/checkpoint/checkpoint.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

namespace ckpt::io {

/// Small checkpoints are sampled more densely: few pages could all be equal by chance.
inline constexpr std::uint64_t sampled_pages_min = 64;
inline constexpr std::uint64_t sampled_pages_max = 4096;
inline constexpr std::uint64_t pages_per_sampled_page = 4096;

/// Starts of the pages of `file` to look at, in ascending order, each once: `count` of them, spread evenly
/// over its tensors but not at equal distances. The same for files of equal size and header.
[[nodiscard]] std::vector<std::uint64_t> choose_sampled_pages(const checkpoint_file& file,
                                                              std::uint64_t count);

/// One XXH3 for each file. The pages are shared out among the files by size, at least one each. Throws what
/// opening a file throws, checkpoint_error when a read fails, and std::system_error when none completes
/// within `timeout`.
[[nodiscard]] std::vector<std::uint64_t> sample_content(const std::vector<checkpoint_file>& files,
                                                        std::chrono::milliseconds timeout);

} // namespace ckpt::io
