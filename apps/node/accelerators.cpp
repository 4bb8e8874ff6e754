// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/accelerators.hpp"

#include "gpu/cuda/cuda_device.hpp"
#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/cuda_host.hpp"
#include "gpu/cuda/nccl_collective.hpp"
#include "gpu/fabric/fabric_collective.hpp"
#include "gpu/host/host_device.hpp"
#include "io/engine/update_lock.hpp"
#include "io/host_address.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

[[nodiscard]] std::string host_device_uuid(const node_options& options, std::uint32_t device) {
  const auto& layout = options.layout;
  const auto rank = layout.ranks_of_host(layout.host).begin + device;
  const auto engine = layout.engine_of_rank(rank);
  const auto led = layout.engines_led_by(layout.host);
  const auto key = led.contains(engine)
                       ? io::engine_key(options.update.endpoints[engine - led.begin])
                       : "engine " + std::to_string(engine) + " by way of " + options.place.master_addr + ":"
                             + std::to_string(options.place.master_port);
  return io::host_worker_uuid(key, rank - layout.ranks_of_engine(engine).begin);
}

[[nodiscard]] std::shared_ptr<actors::host_resources> open_host_memory(const node_options& options) {
  std::vector<std::unique_ptr<gpu::device>> devices;
  std::vector<const gpu::host_device*> members;
  for (std::uint32_t index = 0; index < options.layout.devices_per_host; ++index) {
    auto device = std::make_unique<gpu::host_device>(index, host_device_uuid(options, index));
    if (options.service)
      device->keep_ring();
    members.push_back(device.get());
    devices.push_back(std::move(device));
  }
  actors::host_resources::collective_opener open = [members] {
    return std::make_unique<gpu::host_collective>(members);
  };
  if (options.layout.hosts > 1)
    open = [members, is_local = io::is_loopback(options.place.master_addr),
            host_timeout = options.host_timeout] {
      gpu::fabric_options fabric;
      // This host gives no sign of life while it connects to both neighbours: it must not be taken for lost.
      fabric.connect_max = std::min(fabric.connect_max, host_timeout / 3);
      if (is_local)
        fabric.network_devices = "lo"; // All hosts are this machine: no port is open to others.
      fabric.report_stranger = [](const std::string& line) { spdlog::warn("{}", line); };
      return std::make_unique<gpu::fabric_collective>(members, std::move(fabric));
    };
  return std::make_shared<actors::host_resources>(std::move(devices), std::move(open));
}

/// As many GPUs as wanted, from number 0 on; with one process per device, the GPU of its local rank. A
/// process that sees only its own GPU (Slurm's --gpus-per-task does that) takes number 0.
[[nodiscard]] std::vector<std::uint32_t> gpu_numbers(const node_options& options) {
  std::vector<std::uint32_t> numbers(options.layout.devices_per_host);
  const auto first = options.place.local_rank.value_or(0);
  std::iota(numbers.begin(), numbers.end(), first > 0 && gpu::count_gpus() == 1 ? 0 : first);
  return numbers;
}

[[nodiscard]] std::shared_ptr<actors::host_resources> open_gpus(const node_options& options) {
  std::vector<std::unique_ptr<gpu::device>> devices;
  try {
    devices = gpu::open_cuda_devices(gpu_numbers(options), options.cuda);
  } catch (const gpu::cuda_error& error) {
    throw gpu::cuda_error{std::string{"--device cuda: "} + error.what()
                          + " (--device host tries things out without GPUs)"};
  }
  std::vector<const gpu::device*> members;
  for (const auto& device : devices)
    members.push_back(device.get());
  return std::make_shared<actors::host_resources>(
      std::move(devices), [communicators = gpu::make_communicators(members, options.layout.hosts)] {
        return gpu::make_cuda_collective(communicators);
      });
}

} // namespace

std::shared_ptr<actors::host_resources> open_accelerators(const node_options& options) {
  auto all = options; // Later runs of a resident node may have more hosts than the first.
  all.layout.hosts = options.place.hosts;
  all.layout.host = options.place.host;
  return options.device == device_kind::cuda ? open_gpus(all) : open_host_memory(all);
}

} // namespace ckpt::apps
