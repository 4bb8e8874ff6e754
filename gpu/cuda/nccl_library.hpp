// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// NCCL, loaded when it is first needed: programs start on hosts without it, and can serve single GPUs there.

#include <string>

#include <nccl.h>

namespace ckpt::gpu {

/// The NCCL functions that are used, under their own names.
struct nccl_library {
  decltype(&::ncclGetVersion) get_version = nullptr;
  decltype(&::ncclGetErrorString) get_error_string = nullptr;
  decltype(&::ncclGetUniqueId) get_unique_id = nullptr;
  decltype(&::ncclCommInitRankConfig) comm_init_rank_config = nullptr;
  decltype(&::ncclCommGetAsyncError) comm_get_async_error = nullptr;
  decltype(&::ncclCommCount) comm_count = nullptr;
  decltype(&::ncclCommFinalize) comm_finalize = nullptr;
  decltype(&::ncclCommDestroy) comm_destroy = nullptr;
  decltype(&::ncclCommAbort) comm_abort = nullptr;
  decltype(&::ncclGroupStart) group_start = nullptr;
  decltype(&::ncclGroupEnd) group_end = nullptr;
  decltype(&::ncclBroadcast) broadcast = nullptr;

  /// Found at run time, as in "2.28.9".
  std::string version;
};

/// Loads libnccl.so.2, wherever the loader finds it, once. Throws cuda_error where it is missing or lacks a
/// function.
[[nodiscard]] const nccl_library& nccl();

} // namespace ckpt::gpu
