// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The part of a resident node that all hosts have, host 0 and others: prepares its share of a version, keeps versions
// in memory, and pushes one into its engines. One thread uses it; only the shelf of versions is for any thread.

#include "actors/cluster/cluster_interfaces.hpp"
#include "actors/host/host_resources.hpp"
#include "apps/node/actor_runtime.hpp"
#include "apps/node/attendant.hpp"
#include "apps/node/command_line.hpp"
#include "apps/node/peers.hpp"
#include "apps/node/prepare.hpp"
#include "apps/node/service/file_system_look.hpp"
#include "apps/node/service/version_shelf.hpp"
#include "apps/node/trace.hpp"
#include "io/plan/metas_file.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <boost/json.hpp>

namespace ckpt::apps {

/// A version to prepare, and the hosts that divide it.
struct wanted_version {
  std::string name;
  std::filesystem::path checkpoint_path;
  std::vector<std::uint32_t> hosts; ///< of the cluster, sorted; host 0 is always one of them
  std::uint64_t edition = 0;        ///< tells it from other content of the same name
  bool must_be_there = false;       ///< it is not read: what is at the path by now may be something else
};

/// A version on the shelf; or why there is none.
struct kept_version {
  actors::version_ptr version;
  actors::cause failed{};
};

/// A mount hangs.
[[nodiscard]] actors::cause no_answer_from(const std::filesystem::path& path);

class resident_host {
public:
  /// Both outlive it.
  resident_host(const node_options& options, const signal_guard& signals);

  [[nodiscard]] version_shelf& versions() noexcept { return shelf_; }
  [[nodiscard]] const version_shelf& versions() const noexcept { return shelf_; }
  [[nodiscard]] actor_runtime& runtime() noexcept { return runtime_; }

  /// True when something is stuck in the kernel or a library: only the end of the process frees it.
  [[nodiscard]] bool is_stuck() const noexcept { return is_stuck_; }

  /// Puts the version on the shelf, unless it is there. Reads this host's share into memory if there is room. Errors are
  /// in the result.
  [[nodiscard]] kept_version prepare(const wanted_version& wanted, const std::stop_token& stop);

  /// One update of the engines to a version.
  struct run {
    actors::version_ptr version;
    std::string name;
    io::pause_mode pause = io::pause_mode::none;
    bool spares_silent = false; ///< leaves out engines whose servers do not answer
    bool is_offered = false;    ///< all engines serve it afterwards: hosts that join are to get it
    std::vector<std::pair<std::uint32_t, std::uint32_t>> engines =
        {}; ///< leading host, and number there; empty: all

    /// Called once this host is ready. With several hosts also when it has failed: the others have to learn that. Returns
    /// the run's coordinator.
    std::function<actors::coordinator_actor(const node_options&, const actors::update_ptr&)> meet = {};
    std::function<void(const actors::update_ptr&)> begins = [](const actors::update_ptr&) {};
  };

  struct pushed {
    actors::update_verdict verdict;
    boost::json::object report;
    std::shared_ptr<const trace> recorded; ///< on host 0: of all hosts
    std::optional<io::metas> metas; ///< on host 0: where hosts that join find the version, if it is offered
  };

  [[nodiscard]] pushed push(const run& what);

private:
  [[nodiscard]] std::unique_ptr<share_offer> make_offer(const node_options& options,
                                                        const actors::version_ptr& version);
  void keep_in_memory(actors::weights_version& opened, const node_options& options,
                      const std::stop_token& stop);

  const node_options& options_;
  const signal_guard& signals_;
  version_shelf shelf_;
  file_system_look<opened_version> headers_{16};
  std::shared_ptr<actors::host_resources> resources_; ///< opened by the first preparation
  actor_runtime runtime_;
  std::unique_ptr<share_offer> offer_; ///< of the version that engines serve
  std::unique_ptr<share_offer>
      earlier_offer_; ///< of the version before: hosts that take it have until the next offer
  // Of a run that is stuck; must not be destroyed.
  prepared_update left_;
  std::unique_ptr<share_offer> left_offer_;
  bool is_stuck_ = false;
};

} // namespace ckpt::apps
