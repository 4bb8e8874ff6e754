// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reads a checkpoint as a node does, up to the staging memory: the plan's windows, in the plan's order, with
// the node's reader. A slab is free again as soon as it is full. One thread uses an object.

#include "apps/bench/report.hpp"
#include "io/read/chunk_reader.hpp"
#include "io/read/slab_pool.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>

namespace ckpt::apps::bench {

struct staged_read_options {
  std::uint64_t chunk_bytes = 4 << 20;
  unsigned in_flight_max = 32;
  unsigned threads = 4;
  unsigned copying_threads = io::useful_copying_threads();
  io::reader_engine engine = io::reader_engine::automatic;
};

class staged_read {
public:
  /// Allocates the slabs and touches them, so that no round pays for that.
  explicit staged_read(const staged_read_options& options);

  /// Reads the checkpoint once: files are opened within the measured time, headers read before.
  [[nodiscard]] measurement run(const std::filesystem::path& checkpoint);

  [[nodiscard]] std::string_view engine_name() const noexcept { return reader_->engine_name(); }

private:
  staged_read_options options_;
  io::slab_pool slabs_;
  std::unique_ptr<io::chunk_reader> reader_;
};

} // namespace ckpt::apps::bench
