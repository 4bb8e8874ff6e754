// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The HTTP routes of a resident node, on host 0. Runs on the HTTP side's thread.

#include "apps/node/service/file_system_look.hpp"
#include "apps/node/service/reference_routes.hpp"
#include "apps/node/service/update_book.hpp"
#include "apps/node/service/update_waiters.hpp"
#include "io/http/http_exchange.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace ckpt::apps {

class service;

class routes {
public:
  /// Both outlive it.
  routes(service& asked, boost::asio::io_context& context);

  /// Has the form of an http_route.
  [[nodiscard]] io::http_answer answer(const io::http_question& asked,
                                       const std::shared_ptr<io::http_exchange>& waiting);

  /// Answers callers whose update has ended or is prepared, or whose time is over.
  void look_after_waiters() {
    waiters_.look_after();
    reference_.look_after();
  }

private:
  using exchange_ptr = std::shared_ptr<io::http_exchange>;

  [[nodiscard]] io::http_answer file_update(const io::http_question& asked);
  [[nodiscard]] io::http_answer roll_back(const io::http_question& asked);
  [[nodiscard]] io::http_answer commit_update(const std::string& id);
  [[nodiscard]] io::http_answer trace_of_update(const std::string& id) const;
  [[nodiscard]] io::http_answer about_update(const io::http_question& asked, const std::string& rest,
                                             const exchange_ptr& waiting);
  [[nodiscard]] std::optional<update_book::refusal> choose_method(const std::string& method,
                                                                  update_request& request) const;
  [[nodiscard]] io::http_answer heal(const std::vector<std::string>& engines);
  [[nodiscard]] io::http_answer metas() const;
  void require_known(const std::vector<std::string>& engines) const;
  [[nodiscard]] bool is_served(const std::string& version, const std::vector<std::string>& engines) const;
  [[nodiscard]] io::http_answer about_version(const io::http_question& asked, const std::string& name);

  service& service_;
  file_system_look<std::string> changes_{16};
  update_waiters waiters_;
  reference_routes reference_;
};

} // namespace ckpt::apps
