// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The other hosts of a resident node, as host 0 directs them. Messages and their order: membership_interfaces.hpp.

#include "actors/cluster/roster.hpp"
#include "apps/node/actor_runtime.hpp"
#include "apps/node/command_line.hpp"
#include "io/http/http_exchange.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <caf/scoped_actor.hpp>

namespace ckpt::apps {

/// The request that another host received. A `wait` is cut to 30 seconds. Calls of reference_routes.hpp wait as
/// long as they say, also where their client has hung up meanwhile.
[[nodiscard]] io::http_question question_of(const actors::forwarded_call& call);

class fleet {
public:
  /// Handles an HTTP request that another host received; the exchange sends the answer there.
  using call_taker = std::function<void(const io::http_question&, const std::shared_ptr<io::http_exchange>&)>;

  /// Both outlive it.
  fleet(actor_runtime& runtime, const node_options& options);
  fleet(const fleet&) = delete;
  fleet& operator=(const fleet&) = delete;
  ~fleet() noexcept;

  /// Lets the other hosts in. Throws std::runtime_error when it cannot listen.
  void open(call_taker asked);

  /// Ends the roster; after that `asked` is not called any more.
  void close() noexcept;

  // Any thread.

  /// By number.
  [[nodiscard]] std::vector<actors::known_host> hosts() const;

  /// True when every host has been here at some time.
  [[nodiscard]] bool was_complete() const;

  /// Tells the other hosts to stop the preparation under way.
  void stop();

  /// Tells the other hosts to forget the version.
  void drop(const std::string& version);

  // The service's thread.

  /// The hosts of an update that begins now. Until --timeout after the start, waits for hosts that were never here.
  [[nodiscard]] std::vector<std::uint32_t> gather(const std::stop_token& stop) const;

  /// Gives the other hosts an order, and returns its number. end() has to follow.
  template <class Order>
  std::uint64_t begin(Order order) {
    order.number = ++number_;
    self_->send(roster_, std::move(order));
    return order.number;
  }

  /// Waits for the end of the order on the other hosts. A silent host is lost; one that takes longer than
  /// `time_max` is given up. Without `time_max` hosts have ten seconds from a request to stop.
  [[nodiscard]] actors::order_outcome end(std::uint64_t number, const std::stop_token& stop,
                                          std::optional<std::chrono::milliseconds> time_max = std::nullopt);

private:
  actor_runtime& runtime_;
  const node_options& options_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  call_taker asked_;
  mutable std::mutex mutex_; ///< guards what follows
  std::vector<actors::known_host> hosts_;
  std::atomic<std::uint64_t> number_; ///< of the latest order
  caf::scoped_actor self_;
  actors::roster_actor roster_;
};

} // namespace ckpt::apps
