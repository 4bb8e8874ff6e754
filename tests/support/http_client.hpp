// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// HTTP as an engine's other clients speak it, beside a pusher. A request is on its way when its
// constructor has returned. One thread uses an object.

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>

namespace ckpt::tests {

struct http_answer {
  unsigned status = 0; ///< 0: the connection broke
  std::string body;
};

class http_client {
public:
  /// Sends one request to the `http://address:port` in `endpoint`; GET when there is no `body`. Throws
  /// boost::system::system_error when the server is not there.
  http_client(const std::string& endpoint, const std::string& target,
              const std::optional<std::string>& body = std::nullopt);
  http_client(http_client&&) noexcept;
  ~http_client() noexcept;

  /// True when the answer is there.
  [[nodiscard]] bool is_answered() const;

  /// The answer, or nothing when none comes within `deadline`.
  [[nodiscard]] std::optional<http_answer> answer(std::chrono::milliseconds deadline);

private:
  struct connection;
  std::unique_ptr<connection> connection_;
  std::shared_future<http_answer> answer_;
};

/// The status of the answer; 0 when none comes.
[[nodiscard]] unsigned ask(const std::string& endpoint, const std::string& target,
                           const std::optional<std::string>& body = std::nullopt);

} // namespace ckpt::tests
