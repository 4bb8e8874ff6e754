// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Two runs on simulated GPUs, which count what a process opens.

#include "tests/apps/node/two_runs.hpp"
#include "tests/stand_in/stand_in.hpp"

namespace ckpt::tests {

arguments device_flags() { return {"--device", "cuda"}; }

kept_resources kept_by(pid_t, const std::filesystem::path& report) {
  const auto seen = stand_in::read_report(report);
  return {std::to_string(seen.contexts) + " contexts, " + std::to_string(seen.registrations_ever)
              + " registrations",
          std::to_string(seen.communicators) + " communicators, " + std::to_string(seen.allocations)
              + " allocations"};
}

std::string opened_by(unsigned stagings) {
  return "2 contexts, " + std::to_string(stagings) + " registrations";
}

namespace {

INSTANTIATE_TEST_SUITE_P(of_gpus, resident_fault_test,
                         testing::Values(first_failure{
                             "broadcast_is_refused", {}, &resident_fault_test::broadcast_is_refused}),
                         name_of_failure);

} // namespace
} // namespace ckpt::tests
