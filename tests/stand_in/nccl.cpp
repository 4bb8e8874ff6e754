// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A stand-in for libnccl.so.2: the functions that gpu/cuda/nccl_library.cpp looks for, with the meaning that
// NCCL documents for communicators that do not block. It finds the stand-in for CUDA in the program that
// loads it.

#include "tests/stand_in/nccl_group.hpp"
#include "tests/stand_in/stand_in.hpp"

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include <nccl.h>

namespace {

using namespace ckpt::stand_in;

constexpr unsigned config_mark = 0xcafebeef; // Of NCCL_CONFIG_INITIALIZER.

/// The communicators that can be used.
class communicators {
public:
  ncclComm_t add(std::shared_ptr<ncclComm> made) {
    const std::lock_guard lock{mutex_};
    const auto handle = made.get();
    living_.emplace(handle, std::move(made));
    return handle;
  }
  std::shared_ptr<ncclComm> find(ncclComm_t handle) const {
    const std::lock_guard lock{mutex_};
    const auto found = living_.find(handle);
    if (found == living_.end())
      undefined("NCCL: a communicator is used that there is not, or not any more");
    return found->second;
  }
  void remove(ncclComm_t handle) {
    const std::lock_guard lock{mutex_};
    living_.erase(handle);
  }

private:
  mutable std::mutex mutex_;
  std::map<ncclComm_t, std::shared_ptr<ncclComm>> living_;
};

communicators& living() {
  static auto* const once = new communicators; // Never destroyed: streams outlive main().
  return *once;
}

/// Every call is in a group, its own if there is no other.
template <class Body>
ncclResult_t in_group(Body body) {
  auto& calls = group::current();
  calls.start();
  const auto result = body(calls);
  if (result != ncclSuccess)
    calls.fail(result);
  const auto ended = calls.end();
  return result != ncclSuccess ? result : ended;
}

/// NCCL tells the state of a communicator that does not block, whatever became of the call.
ncclResult_t outcome_of(ncclComm& communicator, ncclResult_t result) {
  if (result != ncclSuccess && result != ncclInProgress) {
    communicator.set_state(result);
    return result;
  }
  return communicator.state();
}

std::size_t bytes_of(ncclDataType_t type) {
  switch (type) {
  case ncclInt8:
  case ncclUint8:
    return 1;
  default:
    undefined("NCCL: only bytes are broadcast here");
  }
}

/// What ends communicators is waited for, and then sets the GPU that the caller had, whichever that was.
void restore_gpu() {
  int gpu = 0;
  static_cast<void>(cudaGetDevice(&gpu));
  static_cast<void>(cudaSetDevice(gpu));
}

/// NCCL's thread writes the handle where it was wanted once more when the communicator is ready, whoever
/// reads there: its own race, which says nothing about the program.
__attribute__((no_sanitize("thread"))) void tell(ncclComm_t* where, ncclComm_t handle) {
  *static_cast<ncclComm_t volatile*>(where) = handle;
}

bool is_usable(const ncclConfig_t* config) {
  return config != nullptr && config->magic == config_mark && config->size == sizeof(ncclConfig_t)
         && config->blocking == 0;
}

} // namespace

ncclResult_t ncclGetVersion(int* version) {
  const char* other = std::getenv("STAND_IN_NCCL_VERSION");
  *version = other == nullptr ? NCCL_VERSION_CODE : std::atoi(other);
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
  case ncclSuccess:
    return "no error";
  case ncclUnhandledCudaError:
    return "unhandled cuda error";
  case ncclSystemError:
    return "unhandled system error";
  case ncclInvalidArgument:
    return "invalid argument";
  case ncclInvalidUsage:
    return "invalid usage";
  case ncclRemoteError:
    return "remote process exited or there was a network error";
  case ncclInProgress:
    return "NCCL operation in progress";
  default:
    return "internal error";
  }
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* uniqueId) {
  const auto place = open_meeting_place();
  *uniqueId = {};
  static_assert(sizeof place <= sizeof uniqueId->internal);
  std::memcpy(uniqueId->internal, &place, sizeof place);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int nranks, ncclUniqueId commId, int rank,
                                    ncclConfig_t* config) {
  if (!is_usable(config))
    undefined("NCCL: the configuration of a communicator is not one that does not block");
  std::shared_ptr<ncclComm> made;
  const auto result = in_group([&](group& calls) {
    int gpu = 0;
    cudaDeviceProp properties;
    if (cudaGetDevice(&gpu) != cudaSuccess || cudaGetDeviceProperties(&properties, gpu) != cudaSuccess)
      return ncclUnhandledCudaError;
    if (comm == nullptr || nranks < 1 || rank < 0 || rank >= nranks)
      return ncclInvalidArgument;
    gpu_uuid uuid{};
    std::memcpy(uuid.data(), properties.uuid.bytes, uuid.size());
    made = std::make_shared<ncclComm>(rank, nranks, gpu, uuid);
    *comm = living().add(made);
    count_communicator();
    meeting_place place;
    std::memcpy(&place, commId.internal, sizeof place);
    calls.add_beginning(made, [made, comm, place] {
      const auto connected = made->connect(place);
      tell(comm, made.get());
      return connected;
    });
    return ncclSuccess;
  });
  return made ? outcome_of(*made, result) : result;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* asyncError) {
  *asyncError = living().find(comm)->state();
  return ncclSuccess;
}

ncclResult_t ncclCommCount(const ncclComm_t comm, int* count) {
  const auto found = living().find(comm);
  *count = found->ranks;
  return found->ensure_ready();
}

ncclResult_t ncclBroadcast(const void* sendbuff, void* recvbuff, std::size_t count, ncclDataType_t datatype,
                           int root, ncclComm_t comm, cudaStream_t stream) {
  const auto found = living().find(comm);
  const auto result = in_group([&](group& calls) {
    if (const auto ready = found->ensure_ready(); ready != ncclSuccess)
      return ready;
    if (root < 0 || root >= found->ranks)
      return ncclInvalidArgument;
    if (is_broadcast_to_fail())
      return ncclSystemError;
    const auto bytes = count * bytes_of(datatype);
    if (found->is_finalized || gpu_of(stream) != found->gpu || gpu_that_holds(recvbuff, bytes) != found->gpu
        || (root == found->rank && gpu_that_holds(sendbuff, bytes) != found->gpu))
      undefined("NCCL: a broadcast of memory or in a stream that is not its communicator's");
    calls.add_broadcast(found, {static_cast<const std::byte*>(sendbuff), static_cast<std::byte*>(recvbuff),
                                bytes, root, stream});
    return ncclSuccess;
  });
  return outcome_of(*found, result);
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  if (comm == nullptr)
    return ncclSuccess;
  const auto found = living().find(comm);
  const auto result = in_group([&](group& calls) {
    if (const auto ready = found->ensure_ready(); ready != ncclSuccess)
      return ready;
    if (std::exchange(found->is_finalized, true))
      return ncclInvalidArgument;
    calls.add_task(found, [found] { return found->finish(); });
    return ncclSuccess;
  });
  return outcome_of(*found, result);
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (comm == nullptr)
    return ncclSuccess;
  const auto found = living().find(comm);
  if (!found->is_finalized)
    undefined("NCCL: a communicator is destroyed that was not finalized");
  restore_gpu();
  return in_group([&](group& calls) {
    if (const auto ready = found->ensure_ready(); ready != ncclSuccess)
      return ready;
    calls.add_ending(found, [found] {
      found->reclaim();
      living().remove(found.get());
      return ncclSuccess;
    });
    return ncclSuccess;
  });
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (comm == nullptr)
    return ncclSuccess;
  const auto found = living().find(comm);
  found->interrupt();
  static_cast<void>(found->ensure_ready()); // Waits for what goes on.
  restore_gpu();
  wait_while_aborts_hang();
  if (found->is_stuck)
    hang_for_ever();
  return in_group([&](group& calls) {
    calls.add_ending(found, [found] {
      found->reclaim();
      living().remove(found.get());
      return ncclSuccess;
    });
    return ncclSuccess;
  });
}

ncclResult_t ncclGroupStart() {
  group::current().start();
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() { return group::current().end(); }
