// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Updates in a row by one process, of which the first fails. All use the same devices, registered memory and
// links. Two programs run these tests: on devices of host memory, and on simulated GPUs (tests/stand_in).

#include "tests/apps/node/service_fixture.hpp"
#include "tests/support/failing_disk.hpp"

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>

#include <sys/types.h>

namespace ckpt::tests {

/// The devices that both programs are to use.
[[nodiscard]] arguments device_flags();

/// What a process has for all its updates, in words.
struct kept_resources {
  std::string opened; ///< devices and registered memory, and how often
  std::string rings;  ///< and links
};

/// Of the process of a node whose `report` the simulated GPUs keep.
[[nodiscard]] kept_resources kept_by(pid_t node, const std::filesystem::path& report);

/// What it has opened if it has opened each device once, and made staging memory so often.
[[nodiscard]] std::string opened_by(unsigned stagings);

class resident_fault_test;

/// How the first update fails.
struct first_failure {
  const char* name;
  arguments faults = {};                            ///< of the engine
  void (resident_fault_test::*failing)() = nullptr; ///< the first update, if it is not the engine that fails
  unsigned stagings = 1; ///< how often staging memory is made: anew after a run that had no room for a ring
};

void PrintTo(const first_failure& failure, std::ostream* out);

class resident_fault_test : public service_test, public testing::WithParamInterface<first_failure> {
public:
  void engine_fails();
  void engine_is_away();
  void engine_is_updated_by_another();
  void file_shrinks();
  void file_in_memory_shrinks();
  void disk_fails();
  void largest_group_does_not_fit();
  void broadcast_is_refused(); ///< by NCCL

protected:
  void SetUp() override;

  /// The engine, whose first update meets these faults, and the node.
  void start_both(const arguments& faults = {});

  void start_workers(const arguments& more);
  void start_engine_again();

  /// Prepares the version of `checkpoint`, damages it, and commits it, which fails because of `file`.
  void fail_to_read(const std::filesystem::path& checkpoint, const std::filesystem::path& file,
                    const std::function<void()>& damage);

  std::filesystem::path checkpoint_;
  std::optional<failing_disk> disk_; ///< unmounted once the node has ended, which has files of it open
  std::filesystem::path gpus_ = scratch_.path() / "node-gpus"; ///< what the node did with them
};

/// For INSTANTIATE_TEST_SUITE_P.
inline constexpr auto name_of_failure = [](const auto& one) { return std::string{one.param.name}; };

} // namespace ckpt::tests
