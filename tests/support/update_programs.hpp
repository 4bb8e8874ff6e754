// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What tests of whole updates run, whatever they run it on: a small checkpoint, ckpt-sink and ckpt-actor-node
// with short deadlines and small buckets, so that much happens in little time.

#include "tests/support/program.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <boost/json.hpp>

namespace ckpt::tests {

using arguments = std::vector<std::string>;

/// How long a test waits for what must come by itself. Far above every deadline in play: a hang is what it
/// finds.
inline constexpr auto patience = std::chrono::seconds{60};

/// Writes a checkpoint of `shards` files below `parent` and returns its directory.
std::filesystem::path write_small_checkpoint(const std::filesystem::path& parent,
                                             std::uint64_t bytes = 24 << 20, std::uint32_t shards = 3);

/// An engine that verifies what it takes; `more` says where it listens.
[[nodiscard]] arguments sink_command(const std::filesystem::path& checkpoint, const arguments& more);

/// False when the engine does not get so far that it listens.
[[nodiscard]] bool listens(const program& engine);

/// True once workers of the engine have opened the rings of their devices, which have no name from then on:
/// it takes weights, or is about to.
[[nodiscard]] bool takes_weights(const program& engine);

[[nodiscard]] arguments node_command(const std::filesystem::path& checkpoint,
                                     const std::filesystem::path& report, const arguments& more);

/// A node that takes its weights from the hosts of `metas`.
[[nodiscard]] arguments joining_command(const std::filesystem::path& metas,
                                        const std::filesystem::path& report, const arguments& more);

/// The report in this file, or a failed test and nothing in it.
[[nodiscard]] boost::json::object read_report(const std::filesystem::path& path);

/// Removes the marks of an engine at `url` that another test left behind: whoever is given a port of its own must not
/// suffer from what was done to its earlier owners.
void remove_marks_of_engine(const std::string& url);

/// Removes the marks of devices that the log names: a node that leaves a worker behind leaves them to the next one, which
/// here would be that of another test whose engine happens to have the same port.
void remove_marks(const std::string& node_log);

/// Nothing of an update that is over may be left in /dev/shm: no ring of a device that its log names. (Those
/// of others are of tests that run beside this one.)
void expect_no_ring_left(const std::string& node_log);

} // namespace ckpt::tests
