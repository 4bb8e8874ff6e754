// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What each kind of inference server wants to be asked, and what its answers mean. Knows requests and
// responses, not connections: whoever drives an update sends the one and hands over the other. Stateless; any
// thread.

#include "io/http_call.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::io {

enum class engine_kind : std::uint8_t { sglang, vllm, lmdeploy };
[[nodiscard]] std::string_view name(engine_kind kind) noexcept;
[[nodiscard]] std::optional<engine_kind> parse_engine_kind(std::string_view name) noexcept;

/// One device of the engine and the address of the weight channel bound for it.
struct device_channel {
  std::string uuid;    ///< "GPU-…"
  std::string address; ///< "ipc://@…"
};

/// What an answer means for the update.
struct engine_answer {
  enum class meaning : std::uint8_t {
    go,      ///< as it should be: on to the next step
    not_yet, ///< ask again later
    refused, ///< it will not; `why` is for the user
  } is = meaning::go;
  std::string why; ///< for the user; with not_yet, what is being waited for

  /// With not_yet: requests that bring the server nearer to ready, to be sent in turn. Their answers are
  /// not judged: the next question shows whether they helped.
  std::vector<http_request> before_asking_again;

  /// With not_yet from judge_closing: takes the place of the request that was judged, which is not repeated.
  std::optional<http_request> ask_instead;
};

class engine_api {
public:
  virtual ~engine_api() noexcept = default;

  /// Asked until it answers `go`: is the server up far enough to take weights?
  [[nodiscard]] virtual http_request readiness_request() const = 0;
  [[nodiscard]] virtual engine_answer judge_readiness(const http_response& response) const = 0;

  /// Starts the workers; the answer comes when the update is over.
  [[nodiscard]] virtual http_request update_request(const std::vector<device_channel>& devices,
                                                    const std::optional<std::string>& weight_version,
                                                    std::chrono::seconds timeout) const = 0;
  [[nodiscard]] virtual engine_answer judge_update(const http_response& response) const = 0;

  /// Sent in turn after a good update: confirm the version where the server tells it, bring inference back
  /// where the update stopped it. Empty when there is nothing to do.
  [[nodiscard]] virtual std::vector<http_request>
  closing_requests(const std::optional<std::string>& weight_version) const = 0;
  [[nodiscard]] virtual engine_answer
  judge_closing(const http_request& request, const http_response& response,
                const std::optional<std::string>& weight_version) const = 0;
};

[[nodiscard]] std::unique_ptr<engine_api> make_engine_api(engine_kind kind);

} // namespace ckpt::io
