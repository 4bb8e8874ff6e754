// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Callers of a resident node that wait for an update. Runs on the HTTP side's thread. Bounds: their number,
// and how long each waits.

#include "io/http/http_exchange.hpp"

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>

namespace ckpt::apps {

class update_book;

class update_waiters {
public:
  using exchange_ptr = std::shared_ptr<io::http_exchange>;

  /// What a caller is told of an update, as update_book describes it: null for one that is not known any
  /// more. Nothing: the caller goes on waiting. `is_late`: it cannot, its time is over.
  using answer_of = std::function<std::optional<io::http_answer>(const boost::json::object*, bool is_late)>;

  /// Both outlive it.
  update_waiters(update_book& updates, boost::asio::io_context& context)
      : updates_{updates}, context_{context} {}

  /// The answer, or one with status 0 that says it comes later. At most `seconds` later.
  [[nodiscard]] io::http_answer wait(const std::string& id, double seconds, const exchange_ptr& waiting,
                                     answer_of answer);

  /// Answers callers whose update has changed so that they can be told, or whose time is over.
  void look_after();

private:
  struct waiter {
    std::string id;
    exchange_ptr waiting;
    answer_of answer;
    boost::asio::steady_timer timer;
  };

  [[nodiscard]] std::optional<io::http_answer> ask(const std::string& id, const answer_of& answer,
                                                   bool is_late) const;

  update_book& updates_;
  boost::asio::io_context& context_;
  std::list<waiter> waiters_;
};

} // namespace ckpt::apps
