// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The chunk_reader on one io_uring. The calling thread issues direct reads, which then need no thread. Copies
// from the page cache are made by the kernel's workers and by the thread in wait(): it makes one copy itself
// instead of only waiting, so that no core has two threads to run. Bounded: in_flight_max requests, one ring
// entry each, all allocated by the constructor. Used only by the thread that made it.

#include "io/read/chunk_reader.hpp"
#include "io/read/read_progress.hpp"

#include <optional>
#include <vector>

#include <liburing.h>

namespace ckpt::io {

class ring_reader final : public chunk_reader {
public:
  /// Throws std::system_error when the kernel or the container refuses, or when it lacks what is needed here.
  explicit ring_reader(const chunk_reader_options& options);
  ring_reader(const ring_reader&) = delete;
  ring_reader& operator=(const ring_reader&) = delete;
  ~ring_reader() noexcept override;

  [[nodiscard]] std::string_view engine_name() const noexcept override { return "io_uring"; }
  [[nodiscard]] unsigned in_flight() const noexcept override { return in_flight_; }
  [[nodiscard]] bool submit(const read_request& request) override;
  std::size_t wait(std::chrono::milliseconds timeout, std::vector<read_result>& results) override;
  [[nodiscard]] bool drain(std::chrono::milliseconds timeout) noexcept override;

private:
  using deadline = std::chrono::steady_clock::time_point;

  struct completion {
    unsigned slot = 0;
    int outcome = 0;
  };

  /// Owns the queue: it is closed also when the constructor throws later on.
  struct ring {
    explicit ring(const chunk_reader_options& options);
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    ~ring() noexcept { ::io_uring_queue_exit(&queue); }

    io_uring queue{};
  };

  void enter(deadline until);
  void collect() noexcept;
  void forget_completed() noexcept;
  void cancel_all();
  void bound_workers(unsigned count);
  void prepare(unsigned slot);
  void release(unsigned slot) noexcept;
  [[nodiscard]] io_uring_sqe* next_entry();

  ring ring_;
  std::uint64_t request_bytes_max_;
  unsigned copies_max_;
  unsigned reading_workers_; ///< bound once reads through the page cache wait for a disk; then 0
  std::vector<std::optional<read_progress>> slots_;
  std::vector<unsigned> free_slots_;
  std::vector<completion> completions_; ///< collected, not yet handled
  std::vector<bool> is_copy_;           ///< by slot: counted in copies_
  unsigned copies_ = 0;
  std::optional<unsigned> own_copy_; ///< the slot whose copy the thread in wait() makes
  unsigned in_flight_ = 0;
};

} // namespace ckpt::io
