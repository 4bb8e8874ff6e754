// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Writes the Python pickles (protocol 4) that the engine's worker unpickles: the buffer handle, the tensor
// lists, the abort and the end mark. Nothing in this project ever executes a pickle. Pure; any thread.
//
// Source: the Python pickle virtual machine (Lib/pickletools.py) and
// `checkpoint_engine.worker.update_weights_from_ipc`.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ckpt::io {

/// Appends values to one pickle. Each member writes exactly one value unless its comment says otherwise.
class pickle_writer {
public:
  pickle_writer();

  void none();
  void boolean(bool value);
  void integer(std::int64_t value);
  void text(std::string_view utf8);
  void bytes(std::string_view value);

  /// The object `qualified_name` of `module`.
  void global(std::string_view module, std::string_view qualified_name);

  /// Opens a tuple; the values written until end_tuple() are its items.
  void begin_tuple();
  void end_tuple();

  /// The empty tuple.
  void empty_tuple();

  /// Opens a list; the values written until end_list() are its items.
  void begin_list();
  void end_list();

  /// Opens a dict; the values written until end_dict() are keys and values in turn.
  void begin_dict();
  void end_dict();

  /// Pops a callable and its tuple of arguments, the last two values, and pushes the result of the call.
  void call();

  /// Pops the last value and makes it the state of the one before (`__setstate__`).
  void set_state();

  /// Ends the pickle and returns it.
  [[nodiscard]] std::string finish();

private:
  void raw(std::string_view data) { out_.append(data); }
  void little_endian(std::uint64_t value, unsigned byte_count);

  std::string out_;
};

/// One tensor of a list: `offset` in bytes from the start of the shared buffer.
struct listed_tensor {
  std::string_view name;
  std::string_view torch_dtype; ///< attribute of `torch`
  std::span<const std::uint64_t> shape;
  std::uint64_t offset = 0;
};

/// Message 1 for a worker whose buffer is the file `path` of `buffer_bytes`, for instance in /dev/shm: it
/// maps the file and sees a one-dimensional uint8 tensor on the CPU.
[[nodiscard]] std::string pickle_file_handle(std::string_view path, std::uint64_t buffer_bytes);

/// Identifies an exported CUDA allocation; see torch.multiprocessing.reductions.rebuild_cuda_tensor.
struct cuda_buffer_handle {
  std::string_view ipc_handle; ///< 66 bytes (version 1, type 'c', cudaIpcMemHandle_t) or the raw 64
  std::uint64_t buffer_bytes = 0;
  std::string_view counter_name; ///< POSIX shared memory name of the reference counter file
  std::uint64_t counter_slot = 0;
};

/// Message 1 for a worker on a GPU.
[[nodiscard]] std::string pickle_cuda_handle(const cuda_buffer_handle& handle);

/// Message 2.
[[nodiscard]] std::string pickle_tensor_list(std::span<const listed_tensor> tensors);

/// Message 3: a RuntimeError with this message.
[[nodiscard]] std::string pickle_abort(std::string_view message);

/// Messages 4 and 5.
[[nodiscard]] std::string pickle_none();

} // namespace ckpt::io
