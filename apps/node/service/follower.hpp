// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A resident node on a host that is not host 0: obeys host 0's orders, and forwards HTTP requests to host 0.
//
//   HTTP thread ──requests──> member ══> host 0
//   host 0 ══> member ──orders──> the thread that runs the follower: resident_host
//
// Bounds: orders that wait (host 0 gives one at a time), and requests that wait for their answer.

#include "actors/cluster/member.hpp"
#include "apps/node/attendant.hpp"
#include "apps/node/command_line.hpp"
#include "apps/node/service/resident_host.hpp"
#include "io/fd.hpp"
#include "io/http/http_exchange.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace ckpt::apps {

class follower {
public:
  /// Both outlive it. Throws std::system_error for lack of descriptors.
  follower(const node_options& options, const signal_guard& signals);
  follower(const follower&) = delete;
  follower& operator=(const follower&) = delete;

  /// Follows until SIGINT or SIGTERM, until something is stuck, or until host 0 refuses it. Returns the exit status.
  /// Throws when it cannot listen.
  int run();

  [[nodiscard]] bool is_stuck() const noexcept { return host_.is_stuck(); }

private:
  void wake() noexcept;
  void take(actors::host_order order);
  [[nodiscard]] std::optional<actors::host_order> next_order();
  [[nodiscard]] std::optional<actors::cause> why_refused();
  [[nodiscard]] actors::cause obey(const actors::prepare_order& order);
  [[nodiscard]] actors::cause obey(const actors::push_order& order);
  void work(const actors::host_order& order);
  void done(std::uint64_t number, const actors::cause& why);

  [[nodiscard]] bool ask_to_heal(std::uint32_t engine);

  // On the HTTP thread.
  [[nodiscard]] io::http_answer forward(const io::http_question& asked,
                                        const std::shared_ptr<io::http_exchange>& waiting);
  void answer(const actors::forwarded_answer& answered);
  void answer_all_that_wait();

  const node_options& options_;
  const signal_guard& signals_;
  io::fd wakeup_; ///< readable when something has changed
  resident_host host_;
  boost::asio::io_context context_{1}; ///< of the HTTP thread
  actors::member_actor member_;
  std::map<std::uint64_t, std::shared_ptr<io::http_exchange>> waiting_; ///< the HTTP thread's
  std::uint64_t calls_ = 0;                                             ///< the HTTP thread's
  std::atomic<bool> is_enrolled_ = false;
  std::vector<actors::version_ptr> needed_; ///< held so that the shelf keeps them: host 0 may order them
  bool was_interrupted_ = false;            ///< the last run was; the exit status tells so

  std::mutex mutex_; ///< guards what follows
  std::deque<actors::host_order> orders_;
  std::uint64_t preparing_ = 0; ///< number of the order
  std::uint64_t stopped_ = 0;   ///< number of the last order that was stopped
  std::stop_source stop_preparing_;
  std::optional<actors::cause> refused_;
};

} // namespace ckpt::apps
