// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The HTTP server of a resident node: listens, checks keys, answers requests about this process alone (health, metrics,
// OpenAPI), and leaves the rest to a route. One thread of its own.

#include "io/http/http_server.hpp"

#include <functional>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace ckpt::apps {

/// Routes throw it for a request that makes no sense; carries the reason.
class bad_request : public std::runtime_error {
  using runtime_error::runtime_error;
};

/// An error as JSON.
[[nodiscard]] io::http_answer refuse(unsigned status, std::string_view why);

/// Returns the answer. Status 0: the answer comes later, through the exchange.
using http_route =
    std::function<io::http_answer(const io::http_question&, const std::shared_ptr<io::http_exchange>&)>;

struct http_side_options {
  std::vector<io::http_listen_address> where;
  std::string key; ///< callers over TCP must send it as a bearer token

  // Called on the HTTP side's thread.
  std::function<std::string()> metrics;
  std::function<std::string()> why_unready; ///< empty: it is ready
  http_route route;                         ///< for everything else
  std::function<void()> last_words;         ///< at the node's end: the last chance to answer who waits
};

class http_side {
public:
  /// Throws what io::http_server throws. `context` outlives it; it runs on the HTTP side's thread.
  http_side(boost::asio::io_context& context, http_side_options options);
  http_side(const http_side&) = delete;
  http_side& operator=(const http_side&) = delete;
  ~http_side() noexcept;

  /// For the log.
  [[nodiscard]] std::string addresses() const;

  /// Answers a request, also one that came another way. On the HTTP side's thread.
  void answer(const io::http_question& asked, const std::shared_ptr<io::http_exchange>& waiting,
              bool is_trusted);

private:
  void serve();
  [[nodiscard]] io::http_answer find_answer(const io::http_question& asked,
                                            const std::shared_ptr<io::http_exchange>& waiting);

  boost::asio::io_context& context_;
  http_side_options options_;
  std::list<io::http_server> servers_;
  std::thread thread_;
};

} // namespace ckpt::apps
