// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A resident node: makes one update after the other, as requested over HTTP. Prepares them (reads, checks, pins) while
// engines serve, and interrupts serving only for the copy. This is host 0, or the only host; see follower.hpp.
//
//   HTTP thread ──> update_book ──> the thread that runs the service: prepare, commit, verdict
//     ^                               │              │
//     │                        resident_host       fleet ──orders──> the other hosts
//     └────────── requests that other hosts were sent ─────────────────────┘

#include "apps/node/attendant.hpp"
#include "apps/node/command_line.hpp"
#include "apps/node/service/engine_states.hpp"
#include "apps/node/service/engine_watch.hpp"
#include "apps/node/service/file_system_look.hpp"
#include "apps/node/service/fleet.hpp"
#include "apps/node/service/resident_host.hpp"
#include "apps/node/service/update_book.hpp"
#include "apps/node/service/update_metrics.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <boost/json.hpp>

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
  [[nodiscard]] bool is_stuck() const noexcept { return host_.is_stuck(); }

  // For the HTTP side; any thread.

  /// For engines that were restarted: files an update to the version that they are to serve, and another one after each
  /// that fails, until they serve a version. Nothing if no version is known to be served. Throws std::invalid_argument
  /// for unknown engines.
  [[nodiscard]] std::optional<update_book::filed> heal(const std::vector<std::string>& engines);

  [[nodiscard]] update_book& updates() noexcept { return book_; }
  [[nodiscard]] version_shelf& versions() noexcept { return host_.versions(); }

  /// Forgets a version, and cancels its updates that are not over. Returns why not, if it cannot: engines serve
  /// it, one of its updates is committing, or it is not known.
  [[nodiscard]] std::optional<update_book::refusal> drop(const std::string& version);
  [[nodiscard]] std::string metrics() const;
  [[nodiscard]] boost::json::array engines() const { return engines_.describe(known_hosts()); }
  [[nodiscard]] boost::json::array hosts() const;

  /// The metas file of the served version, for hosts that join: see io/plan/metas_file.hpp. Empty: it is not offered.
  [[nodiscard]] std::string metas() const;

  /// True when versions of all engines are offered to hosts that join.
  [[nodiscard]] bool offers_to_others() const noexcept { return options_.peers.save_metas_file.has_value(); }

  /// The engines, HOST@ENDPOINT, whose devices have these numbers, counted over all hosts. Empty: all
  /// engines. Throws std::invalid_argument for a number that no device has, and for a part of an engine.
  [[nodiscard]] std::vector<std::string> engines_of_ranks(const std::vector<std::uint32_t>& ranks) const;

  /// True when the server of one of the engines is at this URL, or the URL is below it.
  [[nodiscard]] bool has_engine_at(const std::string& url) const;

  /// True when every engine that an update would reach now is known to serve all of the version. `engines` are names as
  /// in a request; empty: all. Throws std::invalid_argument for unknown engines.
  [[nodiscard]] bool is_served(const std::string& version,
                               const std::vector<std::string>& engines = {}) const;

  /// Throws std::invalid_argument for a mode that the engines do not have.
  [[nodiscard]] io::pause_mode parse_pause(const std::string& mode) const {
    return io::parse_pause_mode(options_.update.engine, mode);
  }

private:
  /// Which engines serve the version after a push that succeeds.
  enum class reach : std::uint8_t {
    all,            ///< all that there are: the version is offered to hosts that join
    those_named,    ///< others may serve something else
    those_that_live ///< of those named, or of all: without those whose servers do not answer
  };

  void work(const update_book::work& next);
  void prepare_update(const update_book::work& next);
  void prepare_rollback(const update_book::work& next);
  void commit(const update_book::work& next);
  void end(const std::string& id, const actors::cause& why, boost::json::object report = {},
           std::shared_ptr<const trace> recorded = nullptr);
  [[nodiscard]] kept_version prepare_everywhere(const std::string& id, const std::string& name,
                                                const std::filesystem::path& path,
                                                const actors::version_ptr& known);
  [[nodiscard]] kept_version try_to_prepare(const wanted_version& wanted, const std::stop_token& stop,
                                            std::vector<std::uint32_t>& lost);
  [[nodiscard]] kept_version divide_anew(const std::string& id, const update_request& asked,
                                         const actors::version_ptr& version);
  [[nodiscard]] resident_host::pushed push(const std::string& id, const update_request& asked,
                                           const actors::version_ptr& version, reach reached);
  [[nodiscard]] boost::json::object push_to_those_that_can(const std::string& id, update_request asked,
                                                           actors::version_ptr version);
  [[nodiscard]] boost::json::object roll_back_after_failure(const update_book::work& failed,
                                                            const actors::update_verdict& verdict);
  [[nodiscard]] reach reach_of(const update_request& asked, const std::vector<std::uint32_t>& hosts) const;
  [[nodiscard]] bool do_all_serve(const std::string& version, const std::vector<std::uint32_t>& hosts) const;
  [[nodiscard]] engine_states::named_content content_of(const std::string& version) const;
  [[nodiscard]] std::vector<actors::known_host> known_hosts() const;
  [[nodiscard]] boost::json::array absent_hosts(const std::vector<std::uint32_t>& hosts) const;
  [[nodiscard]] actors::cause find_change(const std::string& name, const std::filesystem::path& path,
                                          const std::stop_token& stop);
  void stop_preparing();
  [[nodiscard]] update_book::filed file_healing(const std::vector<std::string>& engines);
  [[nodiscard]] std::chrono::milliseconds heal_again();
  void keep(const std::optional<io::metas>& metas);
  [[nodiscard]] bool write_metas_file();
  void release_what_is_dropped(const std::stop_token& stop);
  [[nodiscard]] bool publish(const seen_version& seen);

  /// An engine that was started again and serves no version yet.
  struct ailing {
    std::string id; ///< of the update that is to heal it; empty between two of them
    std::chrono::steady_clock::time_point next; ///< then the next one is filed
    std::chrono::seconds wait;                  ///< after the next one that fails
  };

  const node_options& options_;
  const signal_guard& signals_;
  update_book book_;
  engine_states engines_;
  update_metrics metrics_;
  resident_host host_;
  std::unique_ptr<fleet> fleet_;                  ///< null where there is one host
  file_system_look<std::string> changes_{16};     ///< for the service's thread alone
  file_system_look<bool> metas_file_;             ///< likewise; one look: no old write overtakes a new one
  bool is_metas_file_old_ = false;                ///< likewise: set until its last write has ended
  file_system_look<std::string> watched_changes_; ///< for the watcher's thread alone
  std::string last_watched_;                      ///< likewise: id of the last update that --watch filed
  std::vector<std::string> watched_; ///< likewise: its versions that are remembered, the oldest first
  bool is_ending_ = false;
  bool was_interrupted_ = false;   ///< the last update was; the exit status tells so
  bool do_engines_differ_ = false; ///< since a failed update engines may not all serve the last good version
  std::uint64_t edition_;          ///< of the last version that was read

  mutable std::mutex mutex_; ///< guards what follows
  std::string preparing_;    ///< id of the update that is being prepared
  std::stop_source stop_preparing_;
  std::map<engine_states::engine_key, ailing> ailing_;
  std::string metas_;
  bool is_some_dropped_ = false; ///< and its memory is still to be given back
  std::condition_variable_any dropped_;
  std::jthread releasing_; ///< last: it uses what is above
};

} // namespace ckpt::apps
