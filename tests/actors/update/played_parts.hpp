// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A conductor whose parts do nothing: they write down what they are told. The conductor spawns its parts itself,
// so a program that is linked with these has no others.

#include "actors/update/conductor.hpp"
#include "tests/actors/update/pipeline_fixture.hpp"

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <caf/actor.hpp>

namespace ckpt::tests {

/// What the parts of a run share with the test. Parts are "notifier 0", "session 1", "stager 0", "broadcaster",
/// "reader".
class played_update : public actors::update {
public:
  using update::update;

  // Called by a part.
  void arrive(const std::string& part, caf::actor handle);
  void write_down(const std::string& part, const std::string& words);
  [[nodiscard]] bool is_deaf(const std::string& part) const { return part == deaf_to_exits; }

  // Called by the test.
  [[nodiscard]] bool wait_for_parts(std::size_t count);
  [[nodiscard]] std::map<std::string, caf::actor> everybody() const;
  void forget_everybody();

  /// "session 1: open", and so on, since the last time.
  [[nodiscard]] std::vector<std::string> take_said();

  std::string deaf_to_exits; ///< a part that never ends; set before the run

private:
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::map<std::string, caf::actor> parts_;
  std::vector<std::string> said_;
};

class conductor_test : public pipeline_test {
protected:
  ~conductor_test() override;

  /// Starts a run of `buckets` buckets, and waits until all parts are there.
  void begin(const actors::cluster_layout& layout, std::uint32_t buckets = 2,
             actors::update_options options = {});

  /// Gives the conductor a message, from whomever, and lets it and all its parts work on what follows.
  template <class... Words>
  void tell(const Words&... words) {
    neighbours.tell(conductor_, words...);
    settle_parts();
  }
  /// The same from a session.
  void progress(actors::session_progress::step at, std::uint32_t device, std::uint32_t bucket = 0) {
    tell(actors::session_progress{at, device, bucket});
  }
  /// The same from the only notifier.
  void serve(actors::server_progress::step at, actors::engine_account account = {}) {
    tell(actors::server_progress{at, 0, std::move(account)});
  }
  void pass(actors::milestone past) { tell(actors::proceed{past}); }

  /// Begins, and everybody gets as far as they should until all workers have been sent their first list.
  void begin_transfer(const actors::cluster_layout& layout, std::uint32_t buckets = 2,
                      actors::update_options options = {});

  /// What the parts were told since the last time.
  [[nodiscard]] std::vector<std::string> told() { return played_->take_said(); }

  /// What the node was told since the last time.
  [[nodiscard]] std::vector<std::string> node_heard() { return neighbours.heard_so_far(); }

  /// Waits for the outcome.
  [[nodiscard]] actors::host_verdict verdict() { return outcome_(); }

  /// Ends a part, as if it had crashed.
  void lose(const std::string& part);

private:
  void settle_parts();

  std::shared_ptr<played_update> played_;
  actors::conductor_actor conductor_;
  peer owner_{system}; ///< whom the conductor owes the outcome
  std::function<actors::host_verdict()> outcome_;

protected:
  std::string deaf_to_exits_; ///< see played_update
};

} // namespace ckpt::tests
