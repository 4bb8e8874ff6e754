// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Groups of calls, one per thread, as NCCL has them: every call is a group of its own, and what is between
// ncclGroupStart() and ncclGroupEnd() begins at the end. A thread of the group's then does the work, and the
// communicators are in progress until it is done; only what ends communicators is waited for.
//
// Up to 2.26 that work belongs to the thread that ended the group: it may begin another one, or end, only
// after somebody has completed the work, which the next call on its communicator does. One thread of a test
// may play several hosts: communicators that were set up apart do not count as one process's, and setting up
// is let off.

#include "tests/stand_in/nccl_communicator.hpp"

#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace ckpt::stand_in {

class group {
public:
  ~group();

  /// The calling thread's.
  [[nodiscard]] static group& current();

  void start() { ++depth_; }

  /// What the calls of the group come to, once it is the outermost one that ends.
  [[nodiscard]] ncclResult_t end();

  /// A call of the group failed: nothing of the group will happen.
  void fail(ncclResult_t why);

  void add_task(std::shared_ptr<ncclComm> communicator, std::function<ncclResult_t()> work);

  /// As add_task(), for what sets a communicator up.
  void add_beginning(std::shared_ptr<ncclComm> communicator, std::function<ncclResult_t()> work);

  /// As add_task(), for what ends a communicator: the group is waited for.
  void add_ending(std::shared_ptr<ncclComm> communicator, std::function<ncclResult_t()> work);

  void add_broadcast(std::shared_ptr<ncclComm> communicator, const broadcast_order& order);

private:
  struct task {
    std::shared_ptr<ncclComm> communicator;
    std::function<ncclResult_t()> work;
  };
  struct broadcast {
    std::shared_ptr<ncclComm> communicator;
    broadcast_order order;
  };
  struct content {
    std::vector<task> tasks;
    std::vector<broadcast> broadcasts;
    bool is_blocking = false;
    bool sets_up = false;
    ncclResult_t failure = ncclSuccess;

    [[nodiscard]] std::vector<std::shared_ptr<ncclComm>> communicators() const;
    [[nodiscard]] ncclResult_t run_tasks() const;
    [[nodiscard]] ncclResult_t carry_out() const;
  };

  int depth_ = 0;
  content content_;
  std::map<int, std::shared_ptr<group_job>> last_; ///< by the number of what was set up together
};

} // namespace ckpt::stand_in
