// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Host 1 of two, in a process of its own: makes its GPUs, connects when it is told to, and broadcasts without
// end.

#include "tests/support/other_process.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ckpt::tests {

class broadcasting_host {
public:
  /// Returns when it has its GPUs, whose rings are of `slots` times `slot_bytes`.
  broadcasting_host(std::uint32_t devices, std::uint64_t slots, std::uint64_t slot_bytes);
  broadcasting_host(const broadcasting_host&) = delete;
  broadcasting_host& operator=(const broadcasting_host&) = delete;
  /// Also takes away what the process left behind, which is for the next one on its GPUs.
  ~broadcasting_host();

  /// To host 0, whose address this is.
  void connect(const std::string& address) const { process_->talk().send(address); }

  [[nodiscard]] other_process& process() { return *process_; }

  /// The role of that process, for run_tests_or_role().
  static constexpr auto role = "broadcasting host";
  static int play(conversation& talk);

private:
  std::unique_ptr<other_process> process_;
  std::vector<std::string> uuids_;
};

} // namespace ckpt::tests
