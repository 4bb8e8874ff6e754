// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Another process that opens a GPU's ring as an engine's worker does, and tells what it sees there.

#include "gpu/device.hpp"
#include "tests/support/other_process.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace ckpt::tests {

/// What tells one ring's content from another's.
[[nodiscard]] std::string sum_of(std::span<const std::byte> bytes);

class ring_worker {
public:
  /// With these variables in its environment.
  explicit ring_worker(const std::map<std::string, std::string>& variables = {})
      : process_{role, variables} {}

  /// Lets it open the ring of `from`; returns "open", or why it could not.
  [[nodiscard]] std::string open(gpu::device& from) const;

  /// The sum of what is in the ring.
  [[nodiscard]] std::string look() const { return ask("look"); }

  /// Where the ring differs from memory that was filled with `number`, as a GPU finds it; "nowhere" if it
  /// does not.
  [[nodiscard]] std::string compare(std::uint64_t number) const { return ask(std::to_string(number)); }

  /// Lets go of the ring; returns "closed".
  [[nodiscard]] std::string close() const { return ask("close"); }

  /// With SIGKILL; returns when it is gone.
  void kill();

  /// The role of that process, for run_tests_or_role().
  static constexpr auto role = "ring worker";
  static int play(conversation& talk);

private:
  [[nodiscard]] std::string ask(const std::string& what) const;

  other_process process_;
};

} // namespace ckpt::tests
