// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Keeps many large reads in flight, from few files into memory of the caller. Two implementations behind one
// interface: one io_uring, or threads with pread where the kernel or the container refuses io_uring.
//
// A window that is wholly in the page cache is copied from there. All others are read with O_DIRECT and leave
// the page cache as it was. Only the thread that made a reader may use it.

#include "io/extent.hpp"
#include "io/read/source_file.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace ckpt::io {

/// One read. `window` starts and ends at a multiple of page_bytes; `destination` is aligned likewise and has
/// room for window.length bytes. The read is complete once the first `needed_bytes` are there; the bytes
/// after them are undefined.
struct read_request {
  const source_file* file = nullptr; ///< stays open until the read is done
  extent window;
  std::uint64_t needed_bytes = 0;
  std::byte* destination = nullptr;
  std::uint64_t tag = 0; ///< comes back in read_result
};

/// The path on which a read got its last bytes.
enum class read_path : std::uint8_t { direct, page_cache };

struct read_result {
  std::uint64_t tag = 0;
  std::error_code error; ///< errno of the read, or read_errc::truncated when the file ended too early
  read_path path = read_path::direct;
};

enum class read_errc { truncated = 1 };
[[nodiscard]] const std::error_category& read_category() noexcept;
[[nodiscard]] std::error_code make_error_code(read_errc code) noexcept;

/// automatic: io_uring, or threads where it is refused.
enum class reader_engine : std::uint8_t { automatic, io_uring, threads };

/// How many threads should copy from the page cache: one for each usable core, at most 8 (more were faster on
/// one host, but were not tried in whole updates). More threads than cores would only take turns. They would
/// also use more slabs than the processor's cache holds, which costs a third of the speed.
[[nodiscard]] unsigned useful_copying_threads();

struct chunk_reader_options {
  unsigned in_flight_max = 32;
  std::uint64_t request_bytes_max = 4 << 20; ///< no window is longer
  reader_engine engine = reader_engine::automatic;
  /// For reader_engine::threads: how many; for io_uring: kernel workers for files without direct I/O.
  unsigned threads = 4;
  /// Threads that copy windows which are wholly in the page cache, at the same time.
  unsigned copying_threads = useful_copying_threads();
  bool plain_ring = false; ///< io_uring without the flags of newer kernels: for tests
};

/// How many copies from the page cache may be in flight: one for each copying thread, plus one that waits for
/// the first thread to be done. A single thread makes one copy at a time.
[[nodiscard]] constexpr unsigned copies_max(const chunk_reader_options& options) noexcept {
  return options.copying_threads == 1 ? 1 : options.copying_threads + 1;
}

class chunk_reader {
public:
  virtual ~chunk_reader() noexcept = default;

  /// "io_uring" or "threads": for the log and the report.
  [[nodiscard]] virtual std::string_view engine_name() const noexcept = 0;

  [[nodiscard]] virtual unsigned in_flight() const noexcept = 0;

  /// Takes `request` and returns true. Returns false when in_flight_max requests are in flight, or when this
  /// would be a copy from the page cache and copies_max() are in flight. Does not block and may defer the
  /// system call to the next wait().
  [[nodiscard]] virtual bool submit(const read_request& request) = 0;

  /// Appends the requests that are done to `results`, waiting up to `timeout` for the first one. Returns how
  /// many; at once when no request is in flight. Every request comes back exactly once. Throws
  /// std::system_error when the reader itself fails, not when a read does.
  virtual std::size_t wait(std::chrono::milliseconds timeout, std::vector<read_result>& results) = 0;

  /// Cancels, and waits up to `timeout` until no read can write to memory any more. The requests in flight
  /// are forgotten: wait() reports none of them. False when some read is stuck (a dead network file system),
  /// or when the reader itself fails: its memory must then never be freed or reused. A destructor drains for
  /// up to five seconds.
  [[nodiscard]] virtual bool drain(std::chrono::milliseconds timeout) noexcept = 0;
};

/// Makes a reader on the calling thread, which becomes its only user. When io_uring is refused, `log` gets
/// one line that says why and threads take its place (reader_engine::automatic), or std::system_error is
/// thrown (reader_engine::io_uring).
[[nodiscard]] std::unique_ptr<chunk_reader>
make_chunk_reader(const chunk_reader_options& options, const std::function<void(std::string_view)>& log);

} // namespace ckpt::io

template <>
struct std::is_error_code_enum<ckpt::io::read_errc> : std::true_type {};
