// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The digests of chunks in files, without keeping their bytes: to find out whether two hosts have the same
// content.

#include "io/checkpoint/checkpoint.hpp"
#include "io/plan/bucket_plan.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

namespace ckpt::io {

/// chunk_digest() of each of `chunks`, which are indices into plan.chunks, read from the files of `source`.
/// `timeout` is for any single read. Throws checkpoint_error that names the file, or std::system_error:
/// std::errc::timed_out when a read does not come back, std::errc::operation_canceled when `stop` is
/// requested.
[[nodiscard]] std::vector<std::uint64_t> read_chunk_digests(const checkpoint& source, const bucket_plan& plan,
                                                            std::span<const std::uint32_t> chunks,
                                                            std::chrono::milliseconds timeout,
                                                            const std::stop_token& stop);

} // namespace ckpt::io
