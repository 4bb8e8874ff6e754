// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A resident node: makes one update after the other, as requested over HTTP. Prepares them (reads, checks,
// pins) while engines serve, and interrupts serving only for the copy.
//
//   HTTP thread ──> update_book ──> the thread that runs the service: prepare, commit, verdict
//                   version_shelf <──┘

#include "actors/host/host_resources.hpp"
#include "apps/node/actor_runtime.hpp"
#include "apps/node/attendant.hpp"
#include "apps/node/command_line.hpp"
#include "apps/node/prepare.hpp"
#include "apps/node/service/update_book.hpp"
#include "apps/node/service/version_shelf.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

namespace ckpt::apps {

class service {
public:
  /// Both outlive it.
  service(const node_options& options, const signal_guard& signals);
  service(const service&) = delete;
  service& operator=(const service&) = delete;

  /// Serves until SIGINT or SIGTERM, or until something is stuck. Returns the exit status. Throws when it
  /// cannot listen.
  int run();

  /// True when something is stuck in the kernel or a library: only the end of the process frees it.
  [[nodiscard]] bool is_stuck() const noexcept { return is_stuck_; }

  // For the HTTP side; any thread.
  [[nodiscard]] update_book& updates() noexcept { return book_; }
  [[nodiscard]] version_shelf& versions() noexcept { return shelf_; }
  [[nodiscard]] std::string metrics() const;
  [[nodiscard]] boost::json::array engines() const;

  /// Whether every engine is known to serve the version, as a whole.
  [[nodiscard]] bool is_served(const std::string& version) const;

  /// Throws std::invalid_argument for a mode that the engines do not have.
  [[nodiscard]] io::pause_mode parse_pause(const std::string& mode) const {
    return io::parse_pause_mode(options_.update.engine, mode);
  }

private:
  /// The state of an engine after its last update.
  struct served_engine {
    actors::served_weights serves = actors::served_weights::unknown;
    std::string version; ///< set while it serves one as a whole
    std::chrono::system_clock::time_point since;
  };

  void work(const update_book::work& next);
  void prepare_update(const update_book::work& next);
  void prepare_rollback(const update_book::work& next);
  void commit(const update_book::work& next);
  void end(const std::string& id, const actors::cause& why, boost::json::object report = {});
  void keep_in_memory(actors::weights_version& opened, const std::stop_token& stop);
  [[nodiscard]] actors::update_verdict push(const std::string& id, const node_options& options,
                                            const actors::version_ptr& version, boost::json::object& report);
  [[nodiscard]] boost::json::object roll_back_after_failure(const update_book::work& failed,
                                                            const actors::update_verdict& verdict);
  void note_engines(const actors::update_verdict& verdict, const std::string& version);
  [[nodiscard]] node_options options_for(const update_request& asked) const;

  const node_options& options_;
  const signal_guard& signals_;
  update_book book_;
  version_shelf shelf_;
  std::shared_ptr<actors::host_resources> resources_; ///< opened by the first update
  actor_runtime runtime_;
  prepared_update left_; ///< of an update that is stuck; must not be destroyed
  bool is_ending_ = false;
  bool is_stuck_ = false;
  bool was_interrupted_ = false; ///< the last update was, which engines may have felt

  mutable std::mutex mutex_; ///< guards what follows
  std::string preparing_;    ///< id of the update that is being prepared
  std::stop_source stop_preparing_;
  std::uint64_t updated_ = 0;
  std::uint64_t failed_ = 0;
  double paused_seconds_ = 0;
  std::map<std::string, served_engine> engines_; ///< by endpoint
};

} // namespace ckpt::apps
