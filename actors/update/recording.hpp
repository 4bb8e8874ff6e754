// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The trace of a run on this host: makes room in the tracks of its stages, and collects what they have recorded.

#include "actors/update/update.hpp"

#include <cstdint>
#include <vector>

namespace ckpt::actors {

/// Spans of buckets that the trace of one update has at most, on all hosts together: up to 20 MB as JSON.
inline constexpr std::uint32_t spans_max = 131'072;

/// One bucket in how many is recorded, so that spans_max holds. Every host finds the same number.
[[nodiscard]] std::uint32_t recorded_every(std::uint32_t buckets, const cluster_layout& layout);

/// Call it before the actors of the run start.
void begin_recording(update& context);

/// What has been recorded so far; any thread. Tracks without spans are left out. Buckets that are still under way
/// end at `until`, steps of servers and pauses now.
[[nodiscard]] std::vector<track_report> recorded_tracks(const update& context,
                                                        track::clock::time_point until);

} // namespace ckpt::actors
