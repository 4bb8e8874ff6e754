// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/http_side.hpp"

#include "apps/node/service/openapi.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>
#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

constexpr std::size_t body_bytes_max = 64 << 10;

/// Where checkpoint-engine's daemon has it, with an empty answer.
constexpr std::string_view reference_health = "/v1/healthz";

/// Time for the last answers to go out when the node ends.
constexpr std::chrono::milliseconds last_words_max{300};

/// Compares in constant time: the time must not tell where the keys differ.
[[nodiscard]] bool is_same(std::string_view left, std::string_view right) noexcept {
  unsigned difference = left.size() == right.size() ? 0 : 1;
  for (std::size_t at = 0; at < std::min(left.size(), right.size()); ++at)
    difference |= static_cast<unsigned char>(left[at]) ^ static_cast<unsigned char>(right[at]);
  return difference == 0;
}

} // namespace

io::http_answer refuse(unsigned status, std::string_view why) {
  return {io::http_answer::form::http, status,
          boost::json::serialize(boost::json::object{{"error", boost::json::string_view{why}}})};
}

http_side::http_side(boost::asio::io_context& context, http_side_options options)
    : context_{context}, options_{std::move(options)} {
  io::http_server_options server;
  server.name = "ckpt-actor-node";
  server.body_bytes_max = body_bytes_max;
  server.is_private = true;
  for (const auto& address : options_.where)
    servers_.emplace_back(
        context_, address, server,
        [this, is_trusted = !address.unix_socket_path.empty()](
            const io::http_question& asked, const std::shared_ptr<io::http_exchange>& waiting) {
          answer(asked, waiting, is_trusted);
        });
  thread_ = std::thread{[this] { serve(); }};
}

void http_side::serve() {
  // An exception in a handler, mostly for lack of memory, ends only what that handler was about.
  while (!context_.stopped())
    try {
      context_.run();
    } catch (const std::exception& error) {
      spdlog::error("the HTTP side: {}", error.what());
    }
}

http_side::~http_side() noexcept {
  boost::asio::steady_timer last_words{context_, last_words_max};
  boost::asio::post(context_, [&] {
    last_words.async_wait([this](const boost::system::error_code&) { context_.stop(); });
    options_.last_words(); // After that: it may throw.
  });
  thread_.join();
}

std::string http_side::addresses() const {
  std::string all;
  for (const auto& server : servers_)
    all += (all.empty() ? "" : ", ") + server.address();
  return all;
}

void http_side::answer(const io::http_question& asked, const std::shared_ptr<io::http_exchange>& waiting,
                       bool is_trusted) {
  const bool is_public =
      asked.path == "/healthz" || asked.path == "/readyz" || asked.path == reference_health;
  if (!is_trusted && !is_public && !is_same(asked.authorization, "Bearer " + options_.key))
    return waiting->respond(refuse(401, "a bearer key is needed, and it is another one"));
  try {
    const auto found = find_answer(asked, waiting);
    if (found.status != 0)
      waiting->respond(found);
  } catch (const bad_request& error) {
    waiting->respond(refuse(400, error.what()));
  } catch (const std::exception& error) {
    spdlog::error("{} {}: {}", asked.method, asked.path, error.what());
    waiting->respond(refuse(500, error.what()));
  }
}

io::http_answer http_side::find_answer(const io::http_question& asked,
                                       const std::shared_ptr<io::http_exchange>& waiting) {
  if (asked.method == "GET") {
    if (asked.path == "/healthz")
      return {io::http_answer::form::http, 200, "{}"};
    if (asked.path == reference_health)
      return {io::http_answer::form::http, 200, {}};
    if (asked.path == "/readyz") {
      const auto why = options_.why_unready();
      return why.empty() ? io::http_answer{io::http_answer::form::http, 200, "{}"} : refuse(503, why);
    }
    if (asked.path == "/metrics")
      return {io::http_answer::form::http, 200, options_.metrics(), "text/plain; version=0.0.4"};
    if (asked.path == "/openapi.json")
      return {io::http_answer::form::http, 200, std::string{openapi_text()}};
  }
  return options_.route(asked, waiting);
}

} // namespace ckpt::apps
