// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Two runs on devices of host memory, and every other moment at which an engine can fail.

#include "tests/apps/node/two_runs.hpp"

#include <fstream>

namespace ckpt::tests {

arguments device_flags() { return {}; }

kept_resources kept_by(pid_t node, const std::filesystem::path&) {
  kept_resources kept;
  std::ifstream maps{"/proc/" + std::to_string(node) + "/maps"};
  for (std::string line; std::getline(maps, line);)
    if (line.find("/dev/shm/") != std::string::npos)
      kept.rings += line + '\n';
  return kept;
}

std::string opened_by(unsigned) { return {}; }

namespace {

const first_failure moments[] = {
    {"answers_500_afterwards", {"http-status-after:500"}},
    {"answers_200_too_early", {"early-200", "slow-handle:1"}},
    {"answers_garbage", {"garbage-http", "slow-handle:1"}},
    {"drops_the_connection", {"drop-connection:2"}},
    {"confirms_another_version", {"wrong-version"}},
    {"dies_at_the_handle", {"die-at:handle"}},
    {"dies_at_the_last_list", {"die-at:last"}},
    {"dies_at_the_end_mark", {"die-at:none"}},
    {"dies_in_the_post_hook", {"die-at:post-hook"}},
    {"worker_fails_in_the_first_bucket", {"bucket-error:first"}},
    {"worker_fails_in_the_last_bucket", {"bucket-error:last"}},
    {"worker_dies_at_the_handle", {"worker-dies:handle"}},
    {"worker_dies_at_the_end_mark", {"worker-dies:none"}},
    {"worker_dies_in_the_post_hook", {"worker-dies:post-hook"}},
    {"worker_hangs_at_the_handle", {"hang-at:handle"}},
    {"worker_hangs_at_the_end_mark", {"hang-at:none"}},
    {"worker_hangs_in_the_post_hook", {"hang-at:post-hook"}},
};

INSTANTIATE_TEST_SUITE_P(at, resident_fault_test, testing::ValuesIn(moments), name_of_failure);

} // namespace
} // namespace ckpt::tests
