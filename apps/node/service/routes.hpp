// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The HTTP routes of a resident node. One thread of its own.

#include "apps/node/service/file_system_look.hpp"
#include "io/http/http_server.hpp"

#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace ckpt::apps {

class service;

class http_side {
public:
  /// Listens at all addresses in `where`; callers over TCP need `key`. Throws what io::http_server throws.
  /// `answers` outlives it.
  http_side(service& answers, const std::vector<io::http_listen_address>& where, std::string key);
  http_side(const http_side&) = delete;
  http_side& operator=(const http_side&) = delete;
  ~http_side() noexcept;

  /// For the log.
  [[nodiscard]] std::string addresses() const;

  /// Answers those who wait for a state of an update that has come. Any thread.
  void changed();

private:
  using exchange_ptr = std::shared_ptr<io::http_exchange>;

  /// A caller that waits until an update has ended, or is prepared.
  struct waiter {
    waiter(boost::asio::io_context& context, std::string update, exchange_ptr who)
        : id{std::move(update)}, waiting{std::move(who)}, timer{context} {}
    std::string id;
    exchange_ptr waiting;
    boost::asio::steady_timer timer;
  };

  void answer(const io::http_question& asked, const exchange_ptr& waiting, bool is_trusted);
  [[nodiscard]] io::http_answer route(const io::http_question& asked, const exchange_ptr& waiting);
  [[nodiscard]] io::http_answer file_update(const io::http_question& asked);
  [[nodiscard]] io::http_answer roll_back(const io::http_question& asked);
  [[nodiscard]] io::http_answer commit_update(const std::string& id);
  [[nodiscard]] io::http_answer about_update(const io::http_question& asked, std::string rest,
                                             const exchange_ptr& waiting);
  [[nodiscard]] io::http_answer about_version(const io::http_question& asked, const std::string& name);
  void look_after_waiters();

  service& service_;
  std::string key_;
  file_system_look changes_;
  boost::asio::io_context context_{1};
  std::list<waiter> waiters_;
  std::list<io::http_server> servers_;
  std::thread thread_;
};

} // namespace ckpt::apps
