// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Many hosts on one machine, as virtual-hosts.sh beside this file makes them: network namespaces on one
// bridge. Whatever happens, no host outlives the test, and neither does a program that was left on one. Needs
// root.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ckpt::tests {

class virtual_hosts {
public:
  /// Makes `count` hosts, numbered from 0, having removed those of tests that were killed. Throws
  /// std::runtime_error.
  explicit virtual_hosts(unsigned count);
  virtual_hosts(const virtual_hosts&) = delete;
  virtual_hosts& operator=(const virtual_hosts&) = delete;
  ~virtual_hosts() noexcept;

  /// Why this machine cannot have virtual hosts; empty when it can.
  [[nodiscard]] static std::string why_not();

  /// The IPv4 address of a host, where the others reach it.
  [[nodiscard]] static std::string address(unsigned host);

  /// What has to be started for `arguments` to run on a host: signals to it reach the program itself.
  [[nodiscard]] std::vector<std::string> command(unsigned host,
                                                 const std::vector<std::string>& arguments) const;

  void pull_cable(unsigned host) const;
  void plug_cable(unsigned host) const;

  /// Lets nothing through between two hosts, for good.
  void part(unsigned host, unsigned other) const;

  /// What is started on `host` from here on reads the disk of `path` no faster than this.
  void limit_disk(unsigned host, const std::filesystem::path& path, std::uint64_t bytes_per_second) const;

private:
  std::string cluster_;
};

} // namespace ckpt::tests
