// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Hosts of a broadcast that all live in one test, and talk TCP over the loopback device.

#include "gpu/fabric/fabric_collective.hpp"
#include "tests/support/collective_play.hpp"

#include <memory>
#include <string>
#include <vector>

namespace ckpt::tests {

inline constexpr auto fabric_secret = "a secret of this test";

inline gpu::fabric_options loopback_options() {
  gpu::fabric_options options;
  options.network_devices = "lo";
  options.transports = "tcp";
  options.piece_bytes = 64 << 10;
  options.pieces_in_flight_max = 4;
  return options;
}

/// The devices of one host and what joins them with the other hosts.
class fabric_host {
public:
  fabric_host(unsigned device_count, std::uint64_t ring_bytes) {
    std::vector<const gpu::host_device*> members;
    for (unsigned index = 0; index < device_count; ++index) {
      devices_.push_back(std::make_unique<gpu::host_device>(index));
      devices_.back()->begin_run(ring_bytes);
      members.push_back(devices_.back().get());
    }
    collective_ = std::make_unique<gpu::fabric_collective>(members, loopback_options());
    address_ = collective_->address();
  }

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] gpu::fabric_collective& collective() { return *collective_; }
  [[nodiscard]] std::span<std::byte> ring(std::size_t device = 0) { return devices_[device]->ring(); }
  [[nodiscard]] std::size_t device_count() const { return devices_.size(); }
  void end_collective() { collective_.reset(); }

  /// Puts the bytes of a bucket into a ring.
  void write(std::size_t device, std::uint64_t offset, std::uint64_t length, std::uint64_t bucket) {
    for (std::uint64_t at = 0; at < length; ++at)
      ring(device)[offset + at] = byte_at(bucket, at);
  }

  [[nodiscard]] bool holds(std::size_t device, std::uint64_t offset, std::uint64_t length,
                           std::uint64_t bucket) {
    for (std::uint64_t at = 0; at < length; ++at)
      if (ring(device)[offset + at] != byte_at(bucket, at))
        return false;
    return true;
  }

private:
  std::vector<std::unique_ptr<gpu::host_device>> devices_;
  std::unique_ptr<gpu::fabric_collective> collective_;
  std::string address_;
};

using fabric_hosts = std::vector<std::unique_ptr<fabric_host>>;

/// Hosts that have not been told of each other.
inline fabric_hosts lone_hosts(std::uint32_t count, unsigned devices_each, std::uint64_t ring_bytes) {
  fabric_hosts hosts;
  for (std::uint32_t host = 0; host < count; ++host)
    hosts.push_back(std::make_unique<fabric_host>(devices_each, ring_bytes));
  return hosts;
}

inline void connect_hosts(fabric_hosts& hosts) {
  const auto count = static_cast<std::uint32_t>(hosts.size());
  for (std::uint32_t host = 0; host < count; ++host)
    hosts[host]->collective().connect({host, count, hosts[(host + count - 1) % count]->address(),
                                       hosts[(host + 1) % count]->address(), fabric_secret});
}

inline fabric_hosts connected_hosts(std::uint32_t count, unsigned devices_each, std::uint64_t ring_bytes) {
  auto hosts = lone_hosts(count, devices_each, ring_bytes);
  connect_hosts(hosts);
  return hosts;
}

} // namespace ckpt::tests
