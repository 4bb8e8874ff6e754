// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The updates that a resident node has been asked for, from the question to the verdict. Filled by the HTTP
// side, worked off by the service; any thread. Bounds: entries that wait, and entries that are over.

#include "actors/update/update.hpp"
#include "io/engine/engine_api.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json.hpp>

namespace ckpt::apps {

/// What was asked for.
struct update_request {
  std::string version;
  std::filesystem::path checkpoint_path;
  std::optional<io::pause_mode> pause; ///< else the node's
  bool waits_for_commit = false;
  bool is_rollback = false;
};

///   queued ─> preparing ─> prepared ─> committing ─> updated
///      └──────────┴───────────┴─> cancelled   └─> failed
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
  /// Why a question cannot be taken.
  struct refusal {
    unsigned http_status = 0;
    std::string why;
  };

  struct filed {
    std::string id;
    bool is_new = false; ///< false: it is the update that was asked for before
    std::optional<refusal> refused;
  };

  update_book();

  /// The same version from the same place is the same update, unless that has failed or was cancelled.
  /// `change`: why what lies there now is not that version any more; then it is refused.
  [[nodiscard]] filed file(const update_request& asked, const std::string& change = {});

  /// Lets a prepared update happen; nothing when it does, or will.
  [[nodiscard]] std::optional<refusal> commit(const std::string& id);

  /// Ends an update that no engine has been asked for yet.
  [[nodiscard]] std::optional<refusal> cancel(const std::string& id);

  /// State, progress, verdict; null for an unknown id.
  [[nodiscard]] std::optional<boost::json::object> describe(const std::string& id) const;
  [[nodiscard]] boost::json::array describe_all() const;

  /// Calls `changed` when the state of any update has changed; on the thread that has changed it.
  void on_change(std::function<void()> changed);

  // For the service.

  struct work {
    std::string id;
    update_request asked;
    bool is_commit = false; ///< else it is to be prepared
  };

  /// What is to be done next, if anything: its state says that it is being done.
  [[nodiscard]] std::optional<work> take_work();

  void now_runs(const std::string& id, std::shared_ptr<const actors::update> running);
  void is_prepared(const std::string& id);
  void end(const std::string& id, update_state state, std::string why, boost::json::object report);

  /// True when the update has been cancelled while it was prepared.
  [[nodiscard]] bool is_cancelled(const std::string& id) const;

private:
  struct entry {
    std::string id;
    update_request asked;
    update_state state = update_state::queued;
    bool may_commit = true;
    std::chrono::system_clock::time_point since;
    std::shared_ptr<const actors::update> running; ///< for its progress
    std::string why;
    boost::json::object report;
  };

  [[nodiscard]] entry* find(const std::string& id);
  [[nodiscard]] const entry* find(const std::string& id) const;
  void set(entry& which, update_state state);
  void forget_oldest();

  mutable std::mutex mutex_;  ///< guards what follows
  std::deque<entry> entries_; ///< in the order in which they were asked for
  std::uint64_t count_ = 0;
  std::string prefix_; ///< of ids: those of another process are others
  std::function<void()> changed_;
};

} // namespace ckpt::apps
