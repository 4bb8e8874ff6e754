// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How hosts check, without exchanging their tensor tables, that they have the same checkpoint and the same
// plan, and how they find what differs. Pure; any thread.

#include "io/checkpoint/checkpoint.hpp"
#include "io/plan/bucket_plan.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ckpt::io {

/// XXH3 of everything in the plan that hosts have to agree on: files, tensors, buckets, slots, owners.
[[nodiscard]] std::uint64_t digest(const checkpoint& source, const bucket_plan& plan);

/// XXH3 of files, tensors and chunks, whatever the number of ranks: two hosts for which it is equal can exchange
/// chunks by number.
[[nodiscard]] std::uint64_t digest_of_tables(const checkpoint& source, const bucket_plan& plan);

/// XXH3 of which chunks a host keeps, and what is in them.
[[nodiscard]] std::uint64_t digest_of_share(std::span<const std::uint32_t> chunks,
                                            std::span<const std::uint64_t> digests);

/// Identifies a file by its header and a sample of its content.
struct file_identity {
  std::string name; ///< without the directory, which may differ between hosts
  std::uint64_t bytes = 0;
  std::uint64_t header_digest = 0;  ///< XXH3 of names, dtypes, shapes and places of the tensors that are used
  std::uint64_t content_digest = 0; ///< of a sample (content_sample.hpp)
};

/// One entry per file of `source`, in its order.
[[nodiscard]] std::vector<file_identity> identify_files(const checkpoint& source);

/// How `theirs` differs from `ours`, as the end of a sentence about that host: "has model-00007.safetensors
/// with 4099 bytes less". Empty when the tables are equal.
[[nodiscard]] std::string describe_difference(const std::vector<file_identity>& ours,
                                              const std::vector<file_identity>& theirs);

} // namespace ckpt::io
