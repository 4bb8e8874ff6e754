// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the adapters of all engines share: reading a server's answer without trusting it, and putting a
// refusal into words. Internal to the adapters; stateless; any thread.

#include "io/engine/engine_api.hpp"

#include <boost/json/value.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ckpt::io {

/// `text` as one line of a message: control characters become spaces, what is not UTF-8 becomes '?', and of a
/// text longer than `bytes_max` the beginning and the end stay (a Python traceback says what happened at its
/// end).
[[nodiscard]] std::string shortened(std::string_view text, std::size_t bytes_max = 500);

/// The body as JSON; nothing when it is not JSON or nested absurdly deep.
[[nodiscard]] std::optional<boost::json::value> parse_body(const http_response& response);

/// The member `key` of an object; null when there is none or `value` is no object.
[[nodiscard]] const boost::json::value* member(const boost::json::value& value, std::string_view key);

/// The text of the member `key`, empty when it is missing or not a string.
[[nodiscard]] std::string text_of(const boost::json::value& value, std::string_view key);

/// What the server has to say in its own words, shortened: the message inside the shapes of JSON that SGLang,
/// vLLM, LMDeploy and FastAPI itself use, else the body, of which less is kept: it may be a gateway's HTML
/// page. Never empty.
[[nodiscard]] std::string words_of(const http_response& response);

[[nodiscard]] engine_answer go();
[[nodiscard]] engine_answer not_yet(std::string why);
[[nodiscard]] engine_answer refused(std::string why);

/// On to the next step, but the user should know of `remark`.
[[nodiscard]] engine_answer go_with(std::string remark);

/// Not this question but `request`, at once.
[[nodiscard]] engine_answer ask_instead(std::string_view target);

/// The answer to a request to stop generating, or to go on. A server that has no such route goes on as it
/// is: `without` says what that means.
[[nodiscard]] engine_answer judge_pause_answer(const http_response& response, std::string_view question,
                                               std::string_view without);

/// The refusal for an answer that is not a success. `question` names the request ("POST /x"); `missing_route`
/// is what a 404 means there.
[[nodiscard]] engine_answer refused_by_status(const http_response& response, std::string_view question,
                                              std::string_view missing_route);

/// For the question "are you ready?": nothing when the status is 200, not_yet while something between here
/// and the server says that it is still to come (429, 502, 503, 504), else the refusal.
[[nodiscard]] std::optional<engine_answer>
unready_by_status(const http_response& response, std::string_view question, std::string_view missing_route);

/// Judges `{"success": bool, "message": text}`: only a literal true is a success.
[[nodiscard]] engine_answer judge_success_object(const http_response& response, std::string_view question);

[[nodiscard]] std::unique_ptr<engine_api> make_sglang_api(pause_mode pause);
[[nodiscard]] std::unique_ptr<engine_api> make_vllm_api(pause_mode pause);
[[nodiscard]] std::unique_ptr<engine_api> make_lmdeploy_api();

} // namespace ckpt::io
