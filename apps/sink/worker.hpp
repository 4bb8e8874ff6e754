// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One worker of the engine during one update: the worker's side of the weight channel from the handle to the
// post hook, with the faults that it has to commit. Blocks; has a thread or a process of its own.
//
// Source: `checkpoint_engine.worker.update_weights_from_ipc`.

#include "apps/sink/consumer.hpp"
#include "apps/sink/held_weights.hpp"
#include "apps/sink/options.hpp"
#include "apps/sink/shared_buffer.hpp"
#include "apps/sink/verifier.hpp"
#include "apps/sink/worker_outcome.hpp"
#include "apps/sink/worker_socket.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ckpt::apps::sink {

/// Shared by the workers of one update and the code that started them.
struct update_signals {
  std::atomic<bool> stop{false};                          ///< the sink is ending
  std::atomic<bool> frozen{false};                        ///< answer no more messages
  std::function<void(std::uint64_t lists)> list_answered; ///< called on the workers' threads
  std::function<void()> die = {};                         ///< ends the engine as a crash would
};

class worker {
public:
  /// All references outlive the worker. `expected` is null without --verify.
  /// `held` is null without --consume hold.
  worker(const sink_options& options, const fault_plan& faults, consumer& work,
         std::shared_ptr<const expectation> expected, update_signals& signals, held_weights* held = nullptr);

  /// Runs the update. All errors are in the outcome.
  [[nodiscard]] worker_outcome run(zmq::context_t& context, std::string device, const std::string& address);

private:
  void converse(worker_socket& socket);
  void open_buffer(worker_socket& socket);
  void take_list(worker_socket& socket, const tensor_list& list);
  void release(worker_socket& socket);
  void finish(worker_socket& socket);
  void use(const worker_socket& socket, const tensor_list& list);
  void misbehave(worker_socket& socket, moment::at at, std::uint64_t arriving_tensors = 0);
  [[nodiscard]] bool strikes(const std::optional<moment>& when, moment::at at,
                             std::uint64_t arriving_tensors) const;

  const sink_options& options_;
  fault_plan faults_;
  consumer& work_;
  std::shared_ptr<const expectation> expected_;
  update_signals& signals_;
  held_weights* held_;
  std::unique_ptr<shared_buffer> buffer_;
  std::optional<verifier> verifier_;
  std::string refusal_; ///< the error of the first refused list
  worker_outcome outcome_;
};

} // namespace ckpt::apps::sink
