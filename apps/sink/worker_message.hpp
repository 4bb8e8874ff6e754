// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Parses and checks the messages of a pusher to a worker over the weight channel. Pure; any thread.
//
// Source: `checkpoint_engine.worker.update_weights_from_ipc`, torch.multiprocessing.reductions,
// torch.from_file.

#include "apps/sink/pickle_reader.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ckpt::apps::sink {

/// Message 1 from a pusher without a GPU: the shared buffer is a file.
struct file_handle {
  std::string path;
  std::uint64_t bytes = 0;
};

/// Message 1 from a pusher with a GPU: the shared buffer is an exported CUDA allocation.
struct cuda_handle {
  std::string ipc_handle;
  std::uint64_t bytes = 0;
  std::string counter_name; ///< shared memory in which the worker signs off
  std::uint64_t counter_slot = 0;
};

/// One tensor of message 2: `offset` counts bytes from the start of the shared buffer.
struct sent_tensor {
  std::string name;
  std::string torch_dtype; ///< attribute of `torch`, such as "bfloat16"
  std::vector<std::uint64_t> shape;
  std::uint64_t offset = 0;
};

/// Message 2.
struct tensor_list {
  std::vector<sent_tensor> tensors;
};

/// Message 3: the exception that the pusher wants raised.
struct abort_request {
  std::string type;
  std::string message;
};

/// Messages 4 and 5.
struct end_mark {};

using worker_message = std::variant<file_handle, cuda_handle, tensor_list, abort_request, end_mark>;

/// Throws pickle_error that says what is wrong with the message.
[[nodiscard]] worker_message read_worker_message(std::string_view message);

} // namespace ckpt::apps::sink
