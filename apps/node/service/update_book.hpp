// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The updates that a resident node has been asked for, from the request to the verdict. The HTTP side adds
// them, the service works them off; any thread. Bounds: entries that wait, and entries that are over.

#include "actors/update/update.hpp"
#include "apps/node/trace.hpp"
#include "io/engine/engine_api.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

namespace ckpt::apps {

/// The request of a client.
struct update_request {
  std::string version; ///< empty, for a roll-back: the version before
  std::filesystem::path checkpoint_path;
  std::optional<io::pause_mode> pause; ///< absent: the node's own
  std::vector<std::string> engines;    ///< as engine_states::find_all() knows them; empty: all
  bool waits_for_commit = false;
  bool is_rollback = false;
  bool is_heal = false;        ///< a roll-back to the version served by then, unless its engines serve that
  bool is_forced = false;      ///< also where the engines are known to serve the version
  bool is_from_memory = false; ///< the version is taken from memory, whatever is at its path by now
};

///   queued ─> preparing ─> prepared ─> committing ─> updated
///      └──────────┴───────────┴─> cancelled   └─> failed, also from preparing
enum class update_state : std::uint8_t {
  queued,
  preparing,
  prepared,
  committing,
  updated,
  failed,
  cancelled
};

[[nodiscard]] std::string_view name(update_state state) noexcept;
[[nodiscard]] constexpr bool is_over(update_state state) noexcept { return state >= update_state::updated; }

class update_book {
public:
  /// Why a request is refused.
  struct refusal {
    unsigned http_status = 0;
    std::string why;
  };

  struct filed {
    std::string id;
    bool is_new = false; ///< false: the same update was requested before
    std::optional<refusal> refused;
  };

  update_book();

  /// The caller's knowledge of the version that is asked for.
  struct known_version {
    std::string change;     ///< how its files have changed since; not empty: the request is refused
    bool is_served = false; ///< by all engines of the request: no need to do it again
  };

  /// Files a request. An equal one (version, path, engines) is the same update, unless that failed or was
  /// cancelled; or it is done, and engines serve something else by now or `asked` is forced or a roll-back.
  /// A roll-back that names no version is equal to an earlier one that named none.
  [[nodiscard]] filed file(const update_request& asked, const known_version& known);

  /// `version` may mean other content from now on: updates to it that are not over are cancelled. Returns how
  /// many; nothing when one of them is committing, and then changes nothing.
  [[nodiscard]] std::optional<std::size_t> forget(const std::string& version);

  /// Allows an update to be committed as soon as it is prepared. Returns the reason if it is unknown, has
  /// failed or was cancelled.
  [[nodiscard]] std::optional<refusal> commit(const std::string& id);

  /// Cancels an update that is not committing yet. Returns the reason if it cannot.
  [[nodiscard]] std::optional<refusal> cancel(const std::string& id);

  /// State, progress, verdict; null for an unknown id.
  [[nodiscard]] std::optional<boost::json::object> describe(const std::string& id) const;
  [[nodiscard]] boost::json::array describe_all() const;

  /// The trace of an update that is over. Or why there is none: it is not over, has moved nothing, or is too long ago.
  struct found_trace {
    std::shared_ptr<const trace> recorded;
    refusal refused;
  };
  [[nodiscard]] found_trace find_trace(const std::string& id) const;

  /// How many updates have ended in this state.
  [[nodiscard]] std::uint64_t count(update_state state) const;

  /// Sets the callback for every change of an update's state; called on the thread that makes the change.
  void on_change(std::function<void()> changed);

  // For the service.

  struct work {
    std::string id;
    update_request asked;
    actors::version_ptr version; ///< null: it is to be prepared; else to be committed
  };

  /// Takes the next work, if any, and sets the state of its update accordingly. Roll-backs come first, then
  /// what is prepared.
  [[nodiscard]] std::optional<work> take_work();

  void now_runs(const std::string& id, std::shared_ptr<const actors::update> running);
  void is_prepared(const std::string& id, const std::string& name, actors::version_ptr version);
  void end(const std::string& id, update_state state, const actors::cause& why, boost::json::object report,
           std::shared_ptr<const trace> recorded = nullptr);

  /// Versions that are prepared, and wait.
  [[nodiscard]] std::vector<std::string> needed_versions() const;

  /// True while an update to it is not over.
  [[nodiscard]] bool is_waiting(const std::string& version) const;

  /// Nothing for an unknown id.
  [[nodiscard]] std::optional<update_state> state_of(const std::string& id) const;

  /// True when the update was cancelled, or is not in the book any more.
  [[nodiscard]] bool is_cancelled(const std::string& id) const;

private:
  /// Updates of which the trace is kept, and the checksums that --prove asked for: some megabytes each.
  static constexpr std::size_t detailed_max = 8;

  struct entry {
    std::string id;
    update_request asked;
    std::string named; ///< the version as the client named it: empty for the one before
    update_state state = update_state::queued;
    bool may_commit = true;
    bool is_forgotten = false;   ///< its version may mean other content by now
    actors::version_ptr version; ///< from prepared until it is over
    std::chrono::system_clock::time_point since;
    std::shared_ptr<const actors::update> running; ///< for its progress
    actors::cause why;
    boost::json::object report;
    std::shared_ptr<const trace> recorded;
  };

  [[nodiscard]] entry* find(const std::string& id);
  [[nodiscard]] const entry* find(const std::string& id) const;
  void set(entry& which, update_state state);
  void cancel(entry& which, std::string why);
  void forget_oldest();
  void forget_old_details();

  mutable std::mutex mutex_;  ///< guards what follows
  std::deque<entry> entries_; ///< in the order in which they were asked for
  std::uint64_t count_ = 0;
  std::map<update_state, std::uint64_t> ended_;
  std::string prefix_; ///< of ids, so that those of two processes differ
  std::function<void()> changed_;
};

} // namespace ckpt::apps
