// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Bodies come from a server that may be something else than the user believes (a gateway's HTML page, a
// stranger on the port): every look into them allows for any type in any place.

#include "io/engine/engine_answers.hpp"

#include "io/utf8.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>
#include <cctype>

namespace ckpt::io {

namespace {

/// Room for a file's path and a tensor's name, often once for each worker.
constexpr std::size_t explanation_bytes_max = 2000;

constexpr std::size_t body_depth_max = 32;

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto bytes = character_bytes(text);
    const auto first = static_cast<unsigned char>(text.front());
    if (bytes == 0)
      result += '?';
    else if (first < ' ' || first == 0x7f)
      result += ' ';
    else
      result += text.substr(0, bytes);
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return result;
}

/// True for a message of a success that the user should read all the same.
bool sounds_wrong(std::string_view message) {
  std::string text{message};
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::ranges::any_of(std::array{"warn", "fail", "error", "skip", "missing", "unexpected", "not "},
                             [&](const char* sign) { return text.find(sign) != std::string::npos; });
}

/// FastAPI's report on a body it does not accept: a list of objects with "msg".
std::string text_of_validation(const boost::json::value& detail) {
  std::string result;
  if (const auto* list = detail.if_array())
    for (const auto& each : *list)
      if (const auto text = text_of(each, "msg"); !text.empty())
        result += (result.empty() ? "" : "; ") + text;
  return result;
}

} // namespace

std::string shortened(std::string_view text, std::size_t bytes_max) {
  // Cut before looking at every byte: the text may have megabytes. A character that the cut splits becomes
  // "?".
  if (text.size() <= bytes_max)
    return printable(text);
  const auto head_bytes = bytes_max * 2 / 5;
  return printable(text.substr(0, head_bytes)) + " … "
         + printable(text.substr(text.size() - (bytes_max - head_bytes)));
}

std::optional<boost::json::value> parse_body(const http_response& response) {
  boost::json::parse_options options;
  options.max_depth = body_depth_max;
  boost::system::error_code failure;
  auto value = boost::json::parse(response.body, failure, {}, options);
  if (failure)
    return std::nullopt;
  return value;
}

const boost::json::value* member(const boost::json::value& value, std::string_view key) {
  const auto* object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(key);
}

std::string text_of(const boost::json::value& value, std::string_view key) {
  const auto* found = member(value, key);
  const auto* text = found == nullptr ? nullptr : found->if_string();
  return text == nullptr ? std::string{} : std::string{text->data(), text->size()};
}

std::string words_of(const http_response& response) {
  if (const auto body = parse_body(response)) {
    for (const std::string_view key : {"message", "error", "detail"})
      if (auto text = text_of(*body, key); !text.empty())
        return shortened(text, explanation_bytes_max);
    if (const auto* error = member(*body, "error"))
      if (auto text = text_of(*error, "message"); !text.empty())
        return shortened(text, explanation_bytes_max);
    if (const auto* detail = member(*body, "detail"))
      if (auto text = text_of_validation(*detail); !text.empty())
        return shortened(text, explanation_bytes_max);
  }
  return response.body.empty() ? "(no text)" : shortened(response.body);
}

engine_answer go() { return {}; }

engine_answer not_yet(std::string why) {
  return {engine_answer::meaning::not_yet, std::move(why), {}, {}, {}};
}

engine_answer refused(std::string why) {
  return {engine_answer::meaning::refused, std::move(why), {}, {}, {}};
}

engine_answer go_with(std::string remark) { return {{}, {}, {}, {}, std::move(remark)}; }

engine_answer ask_instead(std::string_view target) {
  auto answer = not_yet("asking " + std::string{target});
  answer.ask_instead = http_request{http_request::verb::get, std::string{target}, {}};
  return answer;
}

engine_answer judge_pause_answer(const http_response& response, std::string_view question,
                                 std::string_view without) {
  switch (response.status) {
  case 200:
    return go();
  case 404:
  case 405:
    return go_with("the server has no " + std::string{question} + ": " + std::string{without});
  default:
    return refused_by_status(response, question, {});
  }
}

engine_answer refused_by_status(const http_response& response, std::string_view question,
                                std::string_view missing_route) {
  const auto heading = std::string{question} + " was answered with HTTP " + std::to_string(response.status);
  switch (response.status) {
  case 401:
  case 403:
    return refused(heading
                   + ": the server wants a key, or another one; put it into a file and pass --api-key-file ("
                   + words_of(response) + ")");
  case 404:
  case 405:
    return refused(heading + ": " + std::string{missing_route});
  default:
    return refused(heading + ": " + words_of(response));
  }
}

std::optional<engine_answer> unready_by_status(const http_response& response, std::string_view question,
                                               std::string_view missing_route) {
  switch (response.status) {
  case 200:
    return std::nullopt;
  case 429:
  case 502:
  case 503:
  case 504:
    return not_yet("the server is not ready: " + std::string{question} + " was answered with HTTP "
                   + std::to_string(response.status)
                   + (response.body.empty() ? std::string{} : ": " + words_of(response)));
  default:
    return refused_by_status(response, question, missing_route);
  }
}

engine_answer judge_success_object(const http_response& response, std::string_view question) {
  const auto body = parse_body(response);
  const auto* success = body ? member(*body, "success") : nullptr;
  const auto* value = success == nullptr ? nullptr : success->if_bool();
  if (value == nullptr)
    return refused(
        std::string{question}
        + " was answered with HTTP 200 but without the word on success that the engine gives; is the "
          "endpoint the server itself? It said: "
        + words_of(response));
  if (!*value)
    return refused("the server reports that the update failed: " + words_of(response));
  if (const auto text = text_of(*body, "message"); sounds_wrong(text))
    return go_with("the server reports success, and says: " + shortened(text, explanation_bytes_max));
  return go();
}

} // namespace ckpt::io
