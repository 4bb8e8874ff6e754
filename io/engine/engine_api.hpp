// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What each kind of inference server wants to be asked, and what its answers mean. Knows requests and
// responses, not connections: whoever drives an update sends the one and hands over the other.
//
//   readiness ──> pause ──> update ──> closing: stale caches go, resume, version, own readiness
//                   └── whatever fails from here on ──> resume

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
  none,     ///< not at all: the engine lets the update wait for its running requests
  in_place, ///< SGLang: requests stop where they are and go on with what they computed with the old weights
  retract,  ///< SGLang: requests go back to the queue and are computed anew with the new weights
  abort,    ///< SGLang, vLLM: requests are ended
  keep,     ///< vLLM: as retract
  wait,     ///< vLLM: for running requests; new ones queue
  sleep,    ///< LMDeploy: requests are ended; it takes weights only asleep
};
[[nodiscard]] std::string_view name(pause_mode mode) noexcept;

/// The mode that `text` names for engines of this kind; "auto" is the one that keeps requests, computes
/// nothing on with the old weights, and ends soonest. Throws std::invalid_argument, which names the modes
/// that there are.
[[nodiscard]] pause_mode parse_pause_mode(engine_kind kind, std::string_view text);

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

  /// With not_yet: requests that bring the server nearer to what is waited for, to be sent in turn. Their
  /// answers are not judged: the next question shows whether they helped.
  std::vector<http_request> before_asking_again;

  /// With not_yet: takes the place of the request that was judged, and is sent at once.
  std::optional<http_request> ask_instead;

  std::string remark; ///< what the user should know although it does not end the update; usually empty
};

/// What a server says of the weights that it holds. No checksums and a remark: it knows no way to tell.
struct checksum_answer {
  engine_answer answer;
  engine_checksums checksums;
};

/// One conversation with one server. Remembers what the server said of itself; one thread uses it.
class engine_api {
public:
  virtual ~engine_api() noexcept = default;

  /// Asked until it answers `go`: would the server take an update now?
  [[nodiscard]] virtual http_request readiness_request() const = 0;
  [[nodiscard]] virtual engine_answer judge_readiness(const http_request& request,
                                                      const http_response& response) = 0;

  /// Asked until it answers `go`: stop generating. Nothing when the engine is not to be stopped.
  [[nodiscard]] virtual std::optional<http_request> pause_request() const = 0;
  [[nodiscard]] virtual engine_answer judge_pause(const http_response& response) = 0;

  /// True when it stands still for the update, once the pause is answered.
  [[nodiscard]] virtual bool is_paused() const = 0;

  /// Ends the pause, whatever became of the update. Nothing when there is no pause, or when the engine must
  /// not go on without a whole set of weights.
  [[nodiscard]] virtual std::optional<http_request> resume_request() const = 0;

  /// Starts the workers; the answer comes when the update is over.
  [[nodiscard]] virtual http_request update_request(const std::vector<device_channel>& devices,
                                                    const std::optional<std::string>& weight_version,
                                                    std::chrono::seconds timeout) const = 0;
  [[nodiscard]] virtual engine_answer judge_update(const http_response& response) const = 0;

  /// Sent in turn after a good update: get rid of what the old weights left in caches, end the pause, confirm
  /// the version where the server tells it, wait for a server that waited for its first weights.
  [[nodiscard]] virtual std::vector<http_request>
  closing_requests(const std::optional<std::string>& weight_version) const = 0;
  [[nodiscard]] virtual engine_answer
  judge_closing(const http_request& request, const http_response& response,
                const std::optional<std::string>& weight_version) const = 0;

  /// True for the closing request with which it generates again.
  [[nodiscard]] virtual bool ends_pause(const http_request& request) const = 0;

  /// Asks for the version that the server serves; nothing where it has no word for it.
  [[nodiscard]] virtual std::optional<http_request> version_request() const { return std::nullopt; }

  /// The version in its answer; nothing when it tells none.
  [[nodiscard]] virtual std::optional<std::string> version_in(const http_response& /*response*/) const {
    return std::nullopt;
  }

  /// The version that it told before the update.
  [[nodiscard]] virtual std::optional<std::string> version_before() const { return std::nullopt; }

  /// Asks for the checksums of all parameters; nothing where engines of this kind cannot tell them.
  [[nodiscard]] virtual std::optional<http_request> checksum_request() const { return std::nullopt; }
  [[nodiscard]] virtual checksum_answer judge_checksums(const http_response& /*response*/,
                                                        std::size_t /*rank_count*/) const {
    return {};
  }

  /// Has it write random numbers over all its parameters; nothing where it knows no such request.
  [[nodiscard]] virtual std::optional<http_request> overwrite_request() const { return std::nullopt; }
  [[nodiscard]] virtual engine_answer judge_overwrite(const http_response& /*response*/) const { return {}; }
};

/// Throws std::invalid_argument when engines of this kind know no such pause.
[[nodiscard]] std::unique_ptr<engine_api> make_engine_api(engine_kind kind, pause_mode pause);

} // namespace ckpt::io
