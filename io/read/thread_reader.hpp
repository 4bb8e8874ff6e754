// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The chunk_reader for where io_uring is refused: a few threads with pread and the same rules, direct reads
// included. Reads that wait for a disk may occupy all threads; at most copying_threads of them copy from the
// page cache at a time. Bounded: `threads` threads, in_flight_max requests. The threads co-own the state that
// they share, so that one stuck in the kernel can be left behind.

#include "io/read/chunk_reader.hpp"
#include "io/read/read_progress.hpp"

#include <memory>
#include <thread>
#include <vector>

namespace ckpt::io {

class thread_reader final : public chunk_reader {
public:
  /// Throws std::system_error when a thread cannot be started.
  explicit thread_reader(const chunk_reader_options& options);
  thread_reader(const thread_reader&) = delete;
  thread_reader& operator=(const thread_reader&) = delete;
  ~thread_reader() noexcept override;

  [[nodiscard]] std::string_view engine_name() const noexcept override { return "threads"; }
  [[nodiscard]] unsigned in_flight() const noexcept override { return in_flight_; }
  [[nodiscard]] bool submit(const read_request& request) override;
  std::size_t wait(std::chrono::milliseconds timeout, std::vector<read_result>& results) override;
  [[nodiscard]] bool drain(std::chrono::milliseconds timeout) noexcept override;

private:
  struct shared;
  static void run(const std::shared_ptr<shared>& state);
  void stop() noexcept;

  std::shared_ptr<shared> shared_;
  std::vector<std::thread> threads_;
  unsigned in_flight_max_;
  std::uint64_t request_bytes_max_;
  unsigned copies_max_;
  unsigned in_flight_ = 0; ///< accepted and not yet reported or forgotten
  unsigned copies_ = 0;    ///< of those: copies from the page cache
};

} // namespace ckpt::io
