// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Shared by the adapters of all engines: they parse a server's answer without trusting it, and put a refusal
// into words. Internal to the adapters; stateless; any thread.

#include "io/engine/engine_api.hpp"

#include <boost/json/value.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ckpt::io {

/// `text` as one line of a message. Control characters become spaces, bytes that are not UTF-8 become '?'. A
/// text longer than `bytes_max` keeps its beginning and its end: a Python traceback names the error at its
/// end.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t bytes_max = 500);

/// The body as JSON; nothing when it is not JSON or nested absurdly deep.
[[nodiscard]] std::optional<boost::json::value> parse_body(const http_response& response);

/// The member `key` of an object; null when there is none or `value` is no object.
[[nodiscard]] const boost::json::value* member(const boost::json::value& value, std::string_view key);

/// The text of the member `key`, empty when it is missing or not a string.
[[nodiscard]] std::string text_of(const boost::json::value& value, std::string_view key);

/// The server's own error message, shortened: found in the JSON shapes of SGLang, vLLM, LMDeploy and FastAPI,
/// or else the body. Less is kept of a body, which may be a gateway's HTML page. Never empty.
[[nodiscard]] std::string words_of(const http_response& response);

[[nodiscard]] engine_answer go();
[[nodiscard]] engine_answer not_yet(std::string why);
[[nodiscard]] engine_answer refused(std::string why);

/// Success, with a remark for the user.
[[nodiscard]] engine_answer go_with(std::string remark);

/// Not yet: send a GET of `target` at once, in place of the request that was judged.
[[nodiscard]] engine_answer ask_instead(std::string_view target);

/// Judges the answer to a request to pause or to resume. A missing route is no refusal: it gives a remark, in
/// which `without` says what follows from that.
[[nodiscard]] engine_answer judge_pause_answer(const http_response& response, std::string_view question,
                                               std::string_view without);

/// The refusal for an answer that is not a success. `question` names the request ("POST /x"); `missing_route`
/// is what a 404 means there.
[[nodiscard]] engine_answer refused_by_status(const http_response& response, std::string_view question,
                                              std::string_view missing_route);

/// Judges the status of a readiness request: nothing for 200; not_yet for 429, 502, 503 and 504, with which
/// the server, or a gateway before it, says that it is still starting; else the refusal.
[[nodiscard]] std::optional<engine_answer>
unready_by_status(const http_response& response, std::string_view question, std::string_view missing_route);

/// Judges `{"success": bool, "message": text}`: only a literal true is a success.
[[nodiscard]] engine_answer judge_success_object(const http_response& response, std::string_view question);

[[nodiscard]] std::unique_ptr<engine_api> make_sglang_api(pause_mode pause);
[[nodiscard]] std::unique_ptr<engine_api> make_vllm_api(pause_mode pause);
[[nodiscard]] std::unique_ptr<engine_api> make_lmdeploy_api();

} // namespace ckpt::io
