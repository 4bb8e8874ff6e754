// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The requests to each kind of inference server, and the meaning of its answers. Opens no connections: the
// caller sends a request and passes the response to the judge_ function that belongs to it.
//
//   readiness ──> pause ──> update ──> closing: flush caches, resume, confirm version and readiness
//                   └── any failure from here on ──> resume

#include "io/engine/engine_checksums.hpp"
#include "io/http/http_call.hpp"

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

/// How an engine is kept from generating while its weights change, in the engines' own words.
enum class pause_mode : std::uint8_t {
  none,     ///< not at all: SGLang finishes its running requests before the update, vLLM does not
  in_place, ///< SGLang: requests stop and go on with what was computed with the old weights
  retract,  ///< SGLang: requests go back to the queue and are computed anew with the new weights
  abort,    ///< SGLang, vLLM: requests are ended
  keep,     ///< vLLM: as retract
  wait,     ///< vLLM: running requests finish first, new ones queue
  sleep,    ///< LMDeploy: requests are ended; it takes weights only asleep
};
[[nodiscard]] std::string_view name(pause_mode mode) noexcept;

/// The mode that `text` names for engines of this kind. "auto" is the mode that keeps requests where the
/// engine can, never computes on with values of the old weights, and pauses for the shortest time. Throws
/// std::invalid_argument, which lists the modes.
[[nodiscard]] pause_mode parse_pause_mode(engine_kind kind, std::string_view text);

/// One device of the engine and the address of the weight channel bound for it.
struct device_channel {
  std::string uuid;    ///< "GPU-…"
  std::string address; ///< "ipc://@…"
};

/// The meaning of an answer for the update.
struct engine_answer {
  enum class meaning : std::uint8_t {
    go,      ///< success: on to the next step
    not_yet, ///< ask again later
    refused, ///< it refuses; `why` is for the user
  } is = meaning::go;
  std::string why; ///< for the user; with not_yet, what is being waited for

  /// With not_yet: requests that help the server to get ready, to be sent one after another before it is
  /// asked again. Their answers are not judged: the next question shows whether they helped.
  std::vector<http_request> before_asking_again;

  /// With not_yet: a request to send at once, in place of the one that was judged.
  std::optional<http_request> ask_instead;

  std::string remark; ///< for the user; does not end the update; usually empty
};

/// The checksums that a server reports for its weights. A remark and no checksums: it cannot report them.
struct checksum_answer {
  engine_answer answer;
  engine_checksums checksums;
};

/// One conversation with one server. Remembers what the server said about itself; one thread uses it.
class engine_api {
public:
  virtual ~engine_api() noexcept = default;

  /// Sent until the answer is `go`: would the server take an update now?
  [[nodiscard]] virtual http_request readiness_request() const = 0;
  [[nodiscard]] virtual engine_answer judge_readiness(const http_request& request,
                                                      const http_response& response) = 0;

  /// Sent until the answer is `go`: pause generation. Nothing when the engine is not to be paused.
  [[nodiscard]] virtual std::optional<http_request> pause_request() const = 0;
  [[nodiscard]] virtual engine_answer judge_pause(const http_response& response) = 0;

  /// True when the engine is paused for the update. Valid once the pause has been answered.
  [[nodiscard]] virtual bool is_paused() const = 0;

  /// Ends the pause, after a good and a failed update. Nothing when there is no pause, or when the engine
  /// must not generate without a whole set of weights.
  [[nodiscard]] virtual std::optional<http_request> resume_request() const = 0;

  /// Starts the workers; the answer comes when the update is over.
  [[nodiscard]] virtual http_request update_request(const std::vector<device_channel>& devices,
                                                    const std::optional<std::string>& weight_version,
                                                    std::chrono::seconds timeout) const = 0;
  [[nodiscard]] virtual engine_answer judge_update(const http_response& response) const = 0;

  /// Sent one after another after a good update: flush caches that hold results of the old weights, end the
  /// pause, confirm the version where the server reports one, wait until a server that waited for its first
  /// weights serves.
  [[nodiscard]] virtual std::vector<http_request>
  closing_requests(const std::optional<std::string>& weight_version) const = 0;
  [[nodiscard]] virtual engine_answer
  judge_closing(const http_request& request, const http_response& response,
                const std::optional<std::string>& weight_version) const = 0;

  /// True for the closing request that lets the engine generate again.
  [[nodiscard]] virtual bool ends_pause(const http_request& request) const = 0;

  /// Asks for the version that the server serves; nothing where it does not report one.
  [[nodiscard]] virtual std::optional<http_request> version_request() const { return std::nullopt; }

  /// The version in the answer; nothing when there is none.
  [[nodiscard]] virtual std::optional<std::string> version_in(const http_response& /*response*/) const {
    return std::nullopt;
  }

  /// The version that it reported before the update.
  [[nodiscard]] virtual std::optional<std::string> version_before() const { return std::nullopt; }

  /// Asks for the checksums of all parameters; nothing where engines of this kind cannot report them.
  [[nodiscard]] virtual std::optional<http_request> checksum_request() const { return std::nullopt; }
  [[nodiscard]] virtual checksum_answer judge_checksums(const http_response& /*response*/,
                                                        std::size_t /*rank_count*/) const {
    return {};
  }

  /// Makes the engine overwrite its parameters with random numbers; nothing where it has no such request.
  [[nodiscard]] virtual std::optional<http_request> overwrite_request() const { return std::nullopt; }
  [[nodiscard]] virtual engine_answer judge_overwrite(const http_response& /*response*/) const { return {}; }
};

/// Throws std::invalid_argument when engines of this kind have no such pause.
[[nodiscard]] std::unique_ptr<engine_api> make_engine_api(engine_kind kind, pause_mode pause);

} // namespace ckpt::io
