// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The interface between an HTTP server and its handler: a request that waits for its answer. Only for the
// thread that runs the io_context.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace ckpt::io {

/// The parts of a request that the handlers here need.
struct http_question {
  std::string method; ///< "GET", "POST", …
  std::string path;   ///< without the query; percent signs are not decoded
  std::multimap<std::string, std::string> query;
  std::string body;
  std::string content_type;
  std::string authorization;
};

struct http_answer {
  /// How it is sent: as HTTP, as the bare body, or not at all: the connection is closed.
  enum class form : std::uint8_t { http, bytes, close } is = form::http;
  unsigned status = 200;
  std::string body;
  std::string content_type = "application/json";
};

class http_exchange {
public:
  virtual ~http_exchange() = default;

  /// Answers the request. Only the first answer counts.
  virtual void respond(const http_answer& what) = 0;

  /// True while the client is connected and has no answer.
  [[nodiscard]] virtual bool is_waiting() const = 0;

  /// Called when the client goes away before it has its answer. The handler sets it.
  std::function<void()> client_gone;
};

/// Answers a request, now or later, by way of its exchange. Throws nothing.
using http_handler = std::function<void(const http_question&, const std::shared_ptr<http_exchange>&)>;

} // namespace ckpt::io
