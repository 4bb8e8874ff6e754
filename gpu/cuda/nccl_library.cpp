// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/nccl_library.hpp"

#include "gpu/cuda/cuda_error.hpp"

#include <dlfcn.h>

namespace ckpt::gpu {
namespace {

constexpr auto library_name = "libnccl.so.2";

/// Earlier versions expect that the thread that aborts a communicator is the one that set it up.
constexpr int version_min = NCCL_VERSION(2, 19, 3);

/// In 2.22 the first broadcast connects the ranks inside ncclGroupEnd(), and waits for a lost one for ever.
bool waits_for_lost_ranks(int version) { return version / 100 == NCCL_VERSION(2, 22, 0) / 100; }

[[noreturn]] void refuse(const std::string& why) {
  throw cuda_error{std::string{library_name} + ", which several GPUs need, " + why};
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr)
    refuse(std::string{"has no "} + name);
}

nccl_library load() {
  // Never unloaded: it has threads.
  void* library = ::dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    refuse(std::string{"cannot be loaded: "} + ::dlerror()
           + " (add its folder to LD_LIBRARY_PATH; PyTorch's is site-packages/nvidia/nccl/lib)");
  nccl_library found;
  find(library, "ncclGetVersion", found.get_version);
  find(library, "ncclGetErrorString", found.get_error_string);
  find(library, "ncclGetUniqueId", found.get_unique_id);
  find(library, "ncclCommInitRankConfig", found.comm_init_rank_config);
  find(library, "ncclCommGetAsyncError", found.comm_get_async_error);
  find(library, "ncclCommCount", found.comm_count);
  find(library, "ncclCommFinalize", found.comm_finalize);
  find(library, "ncclCommDestroy", found.comm_destroy);
  find(library, "ncclCommAbort", found.comm_abort);
  find(library, "ncclGroupStart", found.group_start);
  find(library, "ncclGroupEnd", found.group_end);
  find(library, "ncclBroadcast", found.broadcast);
  int version = 0;
  if (found.get_version(&version) != ncclSuccess)
    refuse("does not tell its version");
  found.version = std::to_string(version / 10'000) + "." + std::to_string(version / 100 % 100) + "."
                  + std::to_string(version % 100);
  if (version < version_min)
    refuse("is too old: it is of version " + found.version + ", and 2.19.3 or later is needed");
  if (waits_for_lost_ranks(version))
    refuse("is of version " + found.version + ", in which a lost host can stop the others for ever");
  return found;
}

} // namespace

const nccl_library& nccl() {
  static const nccl_library loaded = load(); // Tried anew when it throws.
  return loaded;
}

} // namespace ckpt::gpu
