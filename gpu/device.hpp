// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The seam between the pipeline and one accelerator: a ring of memory that the engine's worker can see, and a
// queue of copies into it. A GPU stands behind it, or shared memory of this host (host_device).
//
// Copies are asynchronous and complete in order, so a single number tells how far the queue is: like a
// timeline semaphore, or a stream on which an event is recorded after every operation. Nothing here waits
// without a deadline.
//
// One thread at a time issues copies (the stager of that device); the other functions say who calls them.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace ckpt::gpu {

/// Numbers the operations of one queue from 1 in the order they were issued; 0 stands before the first.
using ticket = std::uint64_t;

/// An operation that failed; the queue does nothing more after it.
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

  /// For the log: what and which one.
  [[nodiscard]] virtual const std::string& description() const noexcept = 0;

  /// The memory node of this host that the device is next to; nothing where there is only one, or nobody
  /// knows.
  [[nodiscard]] virtual std::optional<unsigned> memory_node() const { return std::nullopt; }

  /// True when an earlier run on this device, of this process or another, was killed or gave up while a worker
  /// may have had its ring: that worker may still be waiting for it.
  [[nodiscard]] virtual bool was_abandoned() const noexcept { return false; }

  /// Whether was_abandoned() is to be true for the next run: until somebody has seen to the worker that may be
  /// waiting.
  virtual void stay_abandoned(bool /*stays*/) noexcept {}

  /// Makes host memory known to the copy engine, before the first copy from it. Throws what the device
  /// throws.
  virtual void pin(std::span<std::byte> memory) = 0;

  /// The same for memory that can only be read, a mapped file; it may be known already, and stays as long as
  /// the device. False when it cannot be had: copies from it would be slow. Any thread.
  [[nodiscard]] virtual bool pin_source(std::span<const std::byte> memory) noexcept = 0;

  /// True when pin_source() needs a shared mapping of a file that is open for writing, although nothing is
  /// ever written.
  [[nodiscard]] virtual bool pins_only_writable() const noexcept { return false; }

  /// Forgets what pin() or pin_source() made known: no copy from it is under way.
  virtual void unpin(std::span<const std::byte> memory) noexcept = 0;

  /// Makes ready for a run, the first or the next: a queue of copies that knows of no earlier ones, and a ring
  /// of `ring_bytes` at least. The ring of the run before is kept if it is long enough and its worker has let
  /// go of it. Throws std::system_error or the device's own error, naming the device and the size.
  virtual void begin_run(std::uint64_t ring_bytes) = 0;

  /// Waits for the copies that are under way, and takes no more until the next run.
  virtual void end_run() noexcept = 0;

  /// Lets a worker open the ring. Called once in a run.
  [[nodiscard]] virtual ring_export export_ring() = 0;

  /// Called when the worker has opened the ring: what only served to find it goes away, so that nothing is
  /// left behind if this process is killed.
  virtual void hide_export() noexcept = 0;

  /// Called before this process ends: nothing of an export is to be found any more.
  virtual void withdraw_export() noexcept = 0;

  /// True when the worker of the last export has let go of the ring.
  [[nodiscard]] virtual bool is_released() const noexcept = 0;

  /// Queues the copy of `pieces` of the chunk that starts at `source`, as one operation. The source stays as
  /// it is until the operation is done.
  virtual ticket copy(const std::byte* source, std::span<const copy_piece> pieces) = 0;

  /// Waits up to `timeout` for an operation after `seen` to complete, or for a failure. Any thread.
  [[nodiscard]] virtual queue_progress wait(ticket seen, std::chrono::milliseconds timeout) = 0;
};

} // namespace ckpt::gpu
