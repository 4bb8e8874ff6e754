// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One update under way: a thread for each worker of the engine, which may have a process of its own, and for
// each follower. The HTTP side makes and destroys it; its destructor tells the workers to end and waits for
// them.

#include "apps/sink/follower.hpp"
#include "apps/sink/worker.hpp"
#include "apps/sink/worker_process.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ckpt::apps::sink {

/// The HTTP request.
struct update_request {
  /// Worker k serves devices[k]; the devices beyond the workers here are the followers', in their order.
  std::vector<io::device_channel> devices;
  std::optional<std::string> weight_version;
  bool flush_cache = false; ///< SGLang: the update is only good when the cache can be flushed after it
};

struct update_outcome {
  std::vector<worker_outcome> workers;
  std::vector<follower_outcome> followers;
  double seconds = 0; ///< from the request to the end of the last of them

  /// The errors, worker by worker; empty when all succeeded.
  [[nodiscard]] std::string error() const;

  /// The errors that the engine hid from its client; empty when there are none.
  [[nodiscard]] std::string hidden_error() const;

  /// True when every worker here was sent exactly the checkpoint, to the end; absent without --verify.
  [[nodiscard]] std::optional<bool> verified() const;
};

/// Shared by all updates, made once.
struct worker_resources {
  const sink_options& options;
  std::shared_ptr<const expectation> expected; ///< null without --verify
  std::vector<consumer> consumers;             ///< one for each worker that is a thread
  std::deque<worker_process> processes;        ///< one for each worker that is a process
  std::vector<held_weights> held{};            ///< one for each worker, with --consume hold
  zmq::context_t context{1};
};

class update {
public:
  using list_handler = std::function<void(std::uint64_t lists)>;
  using end_handler = std::function<void(update_outcome)>;

  /// Starts the workers, with the faults of the command line if `is_faulty`. Both handlers are called on the
  /// update's threads: `on_list` after a worker has agreed to a list, `on_end` once, by the last of all.
  update(worker_resources& resources, bool is_faulty, const update_request& request, list_handler on_list,
         end_handler on_end);
  update(const update&) = delete;
  update& operator=(const update&) = delete;
  ~update() noexcept;

private:
  void run_worker(worker_resources& resources, unsigned index);
  [[nodiscard]] worker_outcome run_in_place(worker_resources& resources, unsigned index);
  void run_follower(const sink_options& options, unsigned index);
  void end_one();

  bool is_faulty_;
  update_request request_;
  end_handler on_end_;
  update_signals signals_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;    ///< guards what follows
  update_outcome done_; ///< by worker and follower
  unsigned running_ = 0;
  std::vector<std::jthread> threads_; ///< last, so that they end before anything they use
};

} // namespace ckpt::apps::sink
