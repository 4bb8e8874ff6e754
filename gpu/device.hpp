// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The interface between the pipeline and one accelerator: a ring of memory that the engine's worker can see,
// and a queue of copies into it. Implemented by a GPU or by shared memory of this host (host_device).
//
// Copies are asynchronous and complete in order, so one number tells how far the queue is, as with a timeline
// semaphore. Waits for copies have a deadline, except in end_run().
//
// One thread at a time issues copies (the stager of that device); other functions say when they are called.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace ckpt::gpu {

/// Numbers the operations of one queue from 1 in the order of their issue; 0 is before the first.
using ticket = std::uint64_t;

/// An operation that failed; the queue carries out nothing after it.
struct queue_failure {
  ticket at = 0;
  std::string what;         ///< the failing call and its error
  bool source_lost = false; ///< the source's memory went away: a mapped file was truncated
};

struct queue_progress {
  ticket completed = 0; ///< every operation up to this one is done
  std::optional<queue_failure> failure;
};

/// `length` bytes from `source_offset` of a chunk to `ring_offset` of the device's ring.
struct copy_piece {
  std::uint64_t source_offset = 0;
  std::uint64_t ring_offset = 0;
  std::uint64_t length = 0;
};

/// A ring that another process maps as a file.
struct exported_file {
  std::string path;
  std::uint64_t bytes = 0;
};

/// A ring that another process opens through CUDA IPC.
struct exported_cuda_memory {
  std::string ipc_handle;
  std::uint64_t bytes = 0;
  std::string counter_name; ///< shared memory object in which the worker signs off
  std::uint64_t counter_slot = 0;
};

using ring_export = std::variant<exported_file, exported_cuda_memory>;

class device {
public:
  virtual ~device() noexcept = default;

  /// "GPU-" and 8-4-4-4-12 hexadecimal digits: the key under which an engine's worker finds its channel.
  [[nodiscard]] virtual const std::string& uuid() const noexcept = 0;

  /// Which device it is, for the log.
  [[nodiscard]] virtual const std::string& description() const noexcept = 0;

  /// The NUMA node that the device is next to; nothing where there is only one, or it is not known.
  [[nodiscard]] virtual std::optional<unsigned> memory_node() const { return std::nullopt; }

  /// True when an earlier run on this device, of this process or another, was killed, or gave up, while a
  /// worker may have had its ring open: that worker may still be waiting for a message.
  [[nodiscard]] virtual bool was_abandoned() const noexcept { return false; }

  /// Sets was_abandoned() for the next run: true until the worker that may wait has been told to give up. Any
  /// thread.
  virtual void stay_abandoned(bool /*stays*/) noexcept {}

  /// Pins host memory for the copy engine, before the first copy from it. Throws what the device throws.
  virtual void pin(std::span<std::byte> memory) = 0;

  /// True when copies from memory that is not pinned are as fast as others.
  [[nodiscard]] virtual bool copies_from_anywhere() const noexcept { return false; }

  /// Undoes pin(). No copy from that memory may be under way.
  virtual void unpin(std::span<const std::byte> memory) noexcept = 0;

  /// Prepares a run, the first or the next: an empty queue of copies, and a ring of at least `ring_bytes`.
  /// The ring of the previous run is kept if it is long enough and its worker has let go of it. Throws
  /// std::system_error or the device's own error, naming the device and the size.
  virtual void begin_run(std::uint64_t ring_bytes) = 0;

  /// Waits for the copies under way or drops them, and takes no more until the next run.
  virtual void end_run() noexcept = 0;

  /// Lets a worker open the ring. Called once in a run. Throws std::runtime_error after withdraw_export().
  [[nodiscard]] virtual ring_export export_ring() = 0;

  /// Called when the worker has opened the ring. Removes names that only served to find it, so that nothing
  /// is left behind if this process is killed.
  virtual void hide_export() noexcept = 0;

  /// Called before this process ends. Removes all names of an export; there are no more exports after that. Any
  /// thread: parts of a run that was given up may still be at work.
  virtual void withdraw_export() noexcept = 0;

  /// True when the worker of the last export has let go of the ring.
  [[nodiscard]] virtual bool is_released() const noexcept = 0;

  /// Queues the copy of `pieces` of the chunk that starts at `source`, as one operation. The source must not
  /// change until the operation is done.
  virtual ticket copy(const std::byte* source, std::span<const copy_piece> pieces) = 0;

  /// Waits up to `timeout` for an operation after `seen` to complete, or for a failure. Any thread.
  [[nodiscard]] virtual queue_progress wait(ticket seen, std::chrono::milliseconds timeout) = 0;
};

} // namespace ckpt::gpu
