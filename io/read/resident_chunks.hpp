// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The chunks of a version that this host keeps in memory: read and checked once, then copied to the devices
// from here as often as needed. It does not change once it is filled; from then on any thread may use it.

#include "io/checkpoint/checkpoint.hpp"
#include "io/plan/bucket_plan.hpp"
#include "io/read/chunk_reader.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

namespace ckpt::io {

struct resident_options {
  chunk_reader_options reader;
  std::chrono::milliseconds timeout{300'000}; ///< for any single read
  std::uint64_t bytes_per_second_max = 0;     ///< 0: as fast as it goes
};

/// XXH3 of the bytes that a chunk needs of its window.
[[nodiscard]] std::uint64_t chunk_digest(std::span<const std::byte> needed) noexcept;

class resident_chunks {
public:
  /// Reads `chunks`, which are indices into plan.chunks, and makes sure that no file of `source` has changed
  /// meanwhile. Throws checkpoint_error that names the file, or std::system_error: std::errc::timed_out when
  /// a read does not come back, std::errc::operation_canceled when `stop` is requested.
  resident_chunks(const checkpoint& source, const bucket_plan& plan, std::span<const std::uint32_t> chunks,
                  const resident_options& options, const std::stop_token& stop);

  /// Room for `chunks`, which are to come from elsewhere; `digests` are those of their bytes. Throws
  /// std::system_error.
  resident_chunks(const bucket_plan& plan, std::span<const std::uint32_t> chunks,
                  std::span<const std::uint64_t> digests);
  resident_chunks(const resident_chunks&) = delete;
  resident_chunks& operator=(const resident_chunks&) = delete;
  ~resident_chunks() noexcept;

  /// Where the window of `chunk` lies; null for a chunk that is not kept here.
  [[nodiscard]] const std::byte* find(std::uint32_t chunk) const noexcept;

  /// The place for the bytes of `chunk`; null likewise.
  [[nodiscard]] std::byte* room(std::uint32_t chunk) noexcept;

  /// Another place for the bytes of `chunk`, which has to be kept here: a transfer into the former one cannot
  /// be stopped. All memory stays mapped for ever, as with abandon(). Throws std::system_error.
  [[nodiscard]] std::byte* move_room(std::uint32_t chunk);

  /// Keeps the memory mapped for ever: a transfer into it that cannot be stopped may still write there.
  void abandon() noexcept { is_abandoned_ = true; }

  /// A chunk whose bytes have changed since they were read, if there is one: faulty memory. Compares all, on
  /// useful_copying_threads().
  [[nodiscard]] std::optional<std::uint32_t> find_changed() const;

  /// The last time at which all bytes were known to be unchanged. Any thread.
  [[nodiscard]] std::chrono::steady_clock::time_point intact_at() const noexcept { return intact_at_; }

  /// chunk_digest() of `chunk` as it was read. The chunk has to be kept here.
  [[nodiscard]] std::uint64_t digest(std::uint32_t chunk) const noexcept { return places_[chunk].digest; }

  /// All of it, for pinning.
  [[nodiscard]] std::span<std::byte> memory() const noexcept { return memory_; }

private:
  struct kept {
    std::byte* data = nullptr; ///< null: not kept
    std::uint64_t bytes = 0;
    std::uint64_t room_bytes = 0; ///< of its window
    std::uint64_t digest = 0;
  };

  void make_room(const bucket_plan& plan, std::span<const std::uint32_t> chunks);
  void read_all(const checkpoint& source, const bucket_plan& plan, std::span<const std::uint32_t> chunks,
                const resident_options& options, const std::stop_token& stop);

  std::vector<kept> places_; ///< by chunk
  std::span<std::byte> memory_;
  bool is_abandoned_ = false;
  mutable std::atomic<std::chrono::steady_clock::time_point> intact_at_{std::chrono::steady_clock::now()};
};

} // namespace ckpt::io
