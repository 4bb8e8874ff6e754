// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Sources: sglang/srt/entrypoints/http_server.py, sglang/srt/managers/scheduler_components/weight_updater.py;
// vllm/entrypoints/rl/online/api_router.py.

#include "apps/sink/generation_dialect.hpp"

#include "apps/sink/json_body.hpp"

#include <stdexcept>
#include <string>

#include <boost/json.hpp>

namespace ckpt::apps::sink {
namespace {

using io::engine_kind;
namespace json = boost::json;

constexpr double generation_seconds_max = 1e6;

struct named_mode {
  std::string_view name;
  pause_mode mode;
};

constexpr named_mode sglang_modes[] = {
    {"abort", pause_mode::abort}, {"in_place", pause_mode::hold}, {"retract", pause_mode::retract}};
constexpr named_mode vllm_modes[] = {
    {"abort", pause_mode::abort}, {"keep", pause_mode::hold}, {"wait", pause_mode::drain}};

std::string sglang_mode(const question& asked) {
  const auto body = parse_object(asked.body);
  const auto* mode = body.if_contains("mode");
  if (mode == nullptr)
    return "abort";
  if (!mode->is_string())
    throw std::invalid_argument{"\"mode\" is not a text"};
  return std::string{mode->get_string()};
}

std::string vllm_mode(const question& asked) {
  const auto found = asked.query.find("mode");
  return found == asked.query.end() ? "abort" : found->second;
}

answer sglang_generated(json::object finish_reason) {
  return json_answer(200, {{"text", ""}, {"meta_info", {{"finish_reason", std::move(finish_reason)}}}});
}

answer vllm_generated(std::string_view finish_reason) {
  const json::object choice{{"index", 0}, {"text", ""}, {"finish_reason", json::string_view{finish_reason}}};
  return json_answer(200, {{"object", "text_completion"}, {"choices", json::array{choice}}});
}

} // namespace

std::chrono::nanoseconds read_generation_length(const question& asked) {
  const auto body = parse_object(asked.body);
  const auto* field = body.if_contains("seconds");
  if (field == nullptr)
    return {};
  boost::system::error_code error;
  const auto seconds = field->to_number<double>(error);
  if (error || !(seconds >= 0 && seconds <= generation_seconds_max))
    throw std::invalid_argument{"\"seconds\" is not a number from 0 to 1000000"};
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>{seconds});
}

generation_answers answers_to_generation(engine_kind engine) {
  if (engine == engine_kind::sglang)
    return {sglang_generated({{"type", "length"}, {"length", 1}}),
            sglang_generated({{"type", "abort"}, {"message", "Aborted"}, {"status_code", nullptr}})};
  return {vllm_generated("length"), vllm_generated("abort")};
}

pause_mode read_pause_mode(engine_kind engine, const question& asked) {
  const bool is_sglang = engine == engine_kind::sglang;
  const auto name = is_sglang ? sglang_mode(asked) : vllm_mode(asked);
  for (const auto& each : is_sglang ? sglang_modes : vllm_modes)
    if (each.name == name)
      return each.mode;
  throw std::invalid_argument{"there is no pause mode \"" + name + "\""};
}

answer paused_answer(engine_kind engine) {
  if (engine == engine_kind::sglang)
    return json_answer(200, {{"status", "ok"}, {"message", "paused"}});
  return json_answer(200, {{"status", "paused"}});
}

answer resumed_answer(engine_kind engine) {
  if (engine == engine_kind::sglang)
    return json_answer(200, {{"status", "ok"}, {"message", "resumed"}});
  return json_answer(200, {{"status", "resumed"}});
}

answer is_paused_answer(bool is_paused) { return json_answer(200, {{"is_paused", is_paused}}); }

std::string_view cache_not_flushed() {
  return "the weights are in, but the cache was not flushed: requests that use it are still in the batch";
}

} // namespace ckpt::apps::sink
