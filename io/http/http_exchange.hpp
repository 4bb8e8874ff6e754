// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an HTTP server asks and is told: one request that waits for its answer. Belongs to the thread that runs
// the io_context.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace ckpt::io {

/// One request, as far as programs here look at it.
struct http_question {
  std::string method; ///< "GET", "POST", …
  std::string path;   ///< without the query
  std::multimap<std::string, std::string> query;
  std::string body;
  std::string content_type;
  std::string authorization;
};

struct http_answer {
  /// How it goes over the connection: as HTTP, as its body and nothing else, or by closing without a word.
  enum class form : std::uint8_t { http, bytes, close } is = form::http;
  unsigned status = 200;
  std::string body; ///< or empty
  std::string content_type = "application/json";
};

class http_exchange {
public:
  virtual ~http_exchange() = default;

  /// Answers it. Only the first answer counts.
  virtual void respond(const http_answer& what) = 0;

  /// True while the client is there and has no answer.
  [[nodiscard]] virtual bool is_waiting() const = 0;

  /// Set to learn that nobody waits for the answer any more.
  std::function<void()> client_gone;
};

/// Answers a request, now or later, by way of its exchange. Throws nothing.
using http_handler = std::function<void(const http_question&, const std::shared_ptr<http_exchange>&)>;

} // namespace ckpt::io
