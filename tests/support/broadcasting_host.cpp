// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/broadcasting_host.hpp"

#include "gpu/cuda/ipc_counter.hpp"
#include "tests/support/gpu_host.hpp"

#include <map>
#include <sstream>

namespace ckpt::tests {
namespace {

/// Another host to the stand-ins, and to NCCL.
const std::map<std::string, std::string> elsewhere{{"STAND_IN_HOST", "1"}, {"NCCL_HOSTID", "1"}};

} // namespace

broadcasting_host::broadcasting_host(std::uint32_t devices, std::uint64_t slots, std::uint64_t slot_bytes)
    : process_{std::make_unique<other_process>(role, elsewhere)} {
  process_->talk().send(std::to_string(devices) + ' ' + std::to_string(slots) + ' '
                        + std::to_string(slot_bytes));
  std::istringstream words{process_->talk().receive()};
  for (std::string uuid; words >> uuid;)
    uuids_.push_back(uuid);
  if (uuids_.size() != devices)
    throw std::runtime_error{"the other host has no GPUs"};
}

broadcasting_host::~broadcasting_host() {
  process_.reset();
  for (const auto& uuid : uuids_)
    gpu::ipc_counter::remove_stale("/dev/shm", uuid);
}

int broadcasting_host::play(conversation& talk) {
  std::istringstream order{talk.receive()};
  std::uint32_t devices = 0;
  std::uint64_t slots = 0;
  std::uint64_t slot_bytes = 0;
  order >> devices >> slots >> slot_bytes;
  gpu_host host{0, devices, 2, slots * slot_bytes};
  std::string uuids;
  for (std::uint32_t index = 0; index < devices; ++index)
    uuids += host.device(index).uuid() + ' ';
  talk.send(uuids);
  host.collective().connect({1, 2, {}, {}, {}, talk.receive()});
  broadcast_many(host.collective(), ~gpu::ticket{0}, slots, slot_bytes);
  return 0;
}

} // namespace ckpt::tests
