// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/nccl_communicators.hpp"

#include "gpu/cuda/cuda_device.hpp"
#include "gpu/cuda/use_gpu.hpp"

#include <chrono>
#include <cstring>
#include <memory>
#include <semaphore>
#include <system_error>
#include <thread>
#include <utility>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto look_interval = 50us;

/// Time for NCCL to finalize when all is done.
constexpr auto finalize_wait = 2s;

/// Time for NCCL to abort: it may wait for its own threads, and those for a network that is gone.
constexpr auto abort_wait = 3s;

/// Communicators that are being aborted, by a thread that can be left behind together with them.
struct ending {
  std::vector<ncclComm_t> communicators; ///< in the memory that NCCL knows: its set-up may still write here
  std::vector<int> ordinals;             ///< of their GPUs
  std::binary_semaphore is_over{0};

  void run(const nccl_library& library) noexcept {
    for (std::size_t index = 0; index < communicators.size(); ++index) {
      if (communicators[index] == nullptr)
        continue;
      use_gpu_if_possible(ordinals[index]);
      static_cast<void>(library.comm_abort(communicators[index]));
    }
    is_over.release();
  }
};

} // namespace

nccl_communicators::nccl_communicators(std::vector<const device*> devices)
    : library_{nccl()}, devices_{std::move(devices)} {}

nccl_communicators::~nccl_communicators() noexcept {
  if (!finalize()) {
    abort();
    return;
  }
  for (std::size_t index = 0; index < communicators_.size(); ++index) {
    use_gpu_if_possible(ring_of(*devices_[index]).ordinal);
    static_cast<void>(library_.comm_destroy(communicators_[index]));
  }
}

std::string nccl_communicators::address() {
  if (!unused_id_) {
    use_gpu(ring_of(*devices_.front()).ordinal);
    ncclUniqueId id;
    check(library_.get_unique_id(&id), "ncclGetUniqueId");
    unused_id_ = id;
  }
  return {unused_id_->internal, sizeof unused_id_->internal};
}

std::string nccl_communicators::connection() {
  return !communicators_.empty() && are_idle() ? connection_ : std::string{}; // Empty: made anew.
}

void nccl_communicators::connect(const collective_peers& peers) {
  // A resident node may have lost hosts since. The others still give equal ids: the number of hosts tells.
  if (peers.stays_connected && peers.hosts == hosts_)
    return;
  abort();
  hosts_ = peers.hosts;
  ncclUniqueId id;
  if (peers.first_address.size() != sizeof id.internal)
    throw cuda_error{"host 0 sent an NCCL id of " + std::to_string(peers.first_address.size()) + " bytes"};
  std::memcpy(id.internal, peers.first_address.data(), sizeof id.internal);
  if (peers.host == 0)
    unused_id_.reset();
  connection_ = peers.first_address;
  connect_began_ = clock::now();
  connecting_seconds_ = 0;
  communicators_.resize(devices_.size());
  const auto ranks = static_cast<int>(peers.hosts * devices_.size());
  auto rank = static_cast<int>(peers.host * devices_.size());
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  in_group("ncclCommInitRankConfig", [&](const device& gpu, ncclComm_t& communicator) {
    use_gpu(ring_of(gpu).ordinal);
    return library_.comm_init_rank_config(&communicator, ranks, id, rank++, &config);
  });
}

bool nccl_communicators::are_ready() {
  const auto where = [&](std::size_t index) { return "NCCL on " + devices_[index]->description(); };
  bool ready = !communicators_.empty();
  for (std::size_t index = 0; index < communicators_.size(); ++index) {
    auto state = ncclInProgress;
    if (communicators_[index] == nullptr)
      throw cuda_error{where(index) + ": its communicator was not set up"};
    const auto asked = library_.comm_get_async_error(communicators_[index], &state);
    check(asked == ncclSuccess ? state : asked, where(index));
    ready = ready && state == ncclSuccess;
  }
  // The count does not matter: asking for it completes the finished operation. In some versions of NCCL that
  // operation belongs to the thread that began it, and another thread could not complete it later.
  for (std::size_t index = 0; ready && index < communicators_.size(); ++index) {
    int ranks = 0;
    check(library_.comm_count(communicators_[index], &ranks), where(index));
  }
  if (ready && connecting_seconds_ == 0)
    connecting_seconds_ = std::chrono::duration<double>{clock::now() - connect_began_}.count();
  return ready;
}

bool nccl_communicators::are_idle() noexcept {
  try {
    return communicators_.empty() || are_ready();
  } catch (const cuda_error&) {
    return false;
  }
}

void nccl_communicators::abort() noexcept {
  if (communicators_.empty())
    return;
  const auto last = std::make_shared<ending>();
  last->communicators = std::exchange(communicators_, {});
  for (const auto* each : devices_)
    last->ordinals.push_back(ring_of(*each).ordinal);
  try {
    std::thread{[last, &library = library_] { last->run(library); }}.detach();
  } catch (const std::system_error&) { // No thread can be started.
    last->run(library_);
  }
  if (!last->is_over.try_acquire_for(abort_wait))
    are_stuck_ = true;
}

std::string nccl_communicators::describe(ncclResult_t result, const std::string& call) const {
  return call + ": " + library_.get_error_string(result);
}

void nccl_communicators::check(ncclResult_t result, const std::string& call) const {
  if (result != ncclSuccess && result != ncclInProgress)
    throw cuda_error{describe(result, call)};
}

/// True when all of them have ended in order.
bool nccl_communicators::finalize() noexcept {
  if (communicators_.empty())
    return true;
  const auto deadline = clock::now() + finalize_wait;
  try {
    if (!are_ready())
      return false;
    // One group, as everywhere here: if one thread begins several operations, NCCL may lose all but the last.
    in_group("ncclCommFinalize", [&](const device& gpu, ncclComm_t communicator) {
      use_gpu(ring_of(gpu).ordinal);
      return library_.comm_finalize(communicator);
    });
    while (!are_ready()) {
      if (clock::now() >= deadline)
        return false;
      std::this_thread::sleep_for(look_interval);
    }
    return true;
  } catch (const cuda_error&) {
    return false;
  }
}

} // namespace ckpt::gpu
