// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/nccl_communicators.hpp"

#include "gpu/cuda_device.hpp"
#include "gpu/cuda_stream.hpp"

#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto look_interval = 50us;

/// What NCCL gets to end in peace, when all is done.
constexpr auto finalize_wait = 2s;

} // namespace

nccl_communicators::nccl_communicators(std::vector<const device*> devices)
    : library_{nccl()}, devices_{std::move(devices)} {}

nccl_communicators::~nccl_communicators() noexcept {
  if (finalize())
    for (auto* communicator : communicators_)
      static_cast<void>(library_.comm_destroy(communicator));
  else
    abort();
}

std::string nccl_communicators::address() {
  if (!unused_id_) {
    ncclUniqueId id;
    check(library_.get_unique_id(&id), "ncclGetUniqueId");
    unused_id_ = id;
  }
  return {unused_id_->internal, sizeof unused_id_->internal};
}

std::string nccl_communicators::connection() {
  try {
    return !communicators_.empty() && are_ready() ? connection_ : std::string{};
  } catch (const cuda_error&) {
    return {}; // Then they are made anew.
  }
}

void nccl_communicators::connect(const collective_peers& peers) {
  if (peers.stays_connected)
    return;
  abort();
  ncclUniqueId id;
  if (peers.first_address.size() != sizeof id.internal)
    throw cuda_error{"host 0 sent an NCCL id of " + std::to_string(peers.first_address.size()) + " bytes"};
  std::memcpy(id.internal, peers.first_address.data(), sizeof id.internal);
  if (peers.host == 0)
    unused_id_.reset();
  connection_ = peers.first_address;
  communicators_.resize(devices_.size());
  const auto ranks = static_cast<int>(peers.hosts * devices_.size());
  auto rank = static_cast<int>(peers.host * devices_.size());
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  in_group("ncclCommInitRankConfig", [&](const device& gpu, ncclComm_t& communicator) {
    const current_gpu current{ring_of(gpu).ordinal};
    return library_.comm_init_rank_config(&communicator, ranks, id, rank++, &config);
  });
}

bool nccl_communicators::are_ready() {
  bool ready = !communicators_.empty();
  for (std::size_t index = 0; index < communicators_.size(); ++index) {
    auto state = ncclInProgress;
    if (communicators_[index] == nullptr)
      return false;
    const auto asked = library_.comm_get_async_error(communicators_[index], &state);
    check(asked == ncclSuccess ? state : asked, "NCCL on " + devices_[index]->description());
    ready = ready && state == ncclSuccess;
  }
  return ready;
}

void nccl_communicators::abort() noexcept {
  for (auto& communicator : communicators_) {
    if (communicator == nullptr)
      continue;
    static_cast<void>(library_.comm_abort(communicator));
    communicator = nullptr; // Not before: the end of its setting up would write it once more.
  }
  communicators_.clear();
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
  const auto deadline = clock::now() + finalize_wait;
  for (auto* communicator : communicators_) {
    if (communicator == nullptr)
      return false;
    const auto result = library_.comm_finalize(communicator);
    if (result != ncclSuccess && result != ncclInProgress)
      return false;
  }
  for (auto* communicator : communicators_) {
    auto state = ncclInProgress;
    while (library_.comm_get_async_error(communicator, &state) == ncclSuccess && state == ncclInProgress
           && clock::now() < deadline)
      std::this_thread::sleep_for(look_interval);
    if (state != ncclSuccess)
      return false;
  }
  return true;
}

} // namespace ckpt::gpu
