// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The choice of an engine and of a pause by their names. The adapters are in sglang_api.cpp, vllm_api.cpp and
// lmdeploy_api.cpp.

#include "io/engine/engine_api.hpp"

#include "io/engine/engine_answers.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>

namespace ckpt::io {
namespace {

/// The modes of an engine; the first one is "auto".
std::span<const pause_mode> modes_of(engine_kind kind) {
  using enum pause_mode;
  static constexpr pause_mode sglang[] = {retract, in_place, abort, none};
  static constexpr pause_mode vllm[] = {keep, wait, abort, none};
  static constexpr pause_mode lmdeploy[] = {sleep};
  switch (kind) {
  case engine_kind::sglang:
    return sglang;
  case engine_kind::vllm:
    return vllm;
  case engine_kind::lmdeploy:
    return lmdeploy;
  }
  return {};
}

} // namespace

std::string_view name(engine_kind kind) noexcept {
  switch (kind) {
  case engine_kind::sglang:
    return "sglang";
  case engine_kind::vllm:
    return "vllm";
  case engine_kind::lmdeploy:
    return "lmdeploy";
  }
  return "unknown";
}

std::optional<engine_kind> parse_engine_kind(std::string_view text) noexcept {
  for (const auto kind : {engine_kind::sglang, engine_kind::vllm, engine_kind::lmdeploy})
    if (text == name(kind))
      return kind;
  return std::nullopt;
}

std::string_view name(pause_mode mode) noexcept {
  switch (mode) {
  case pause_mode::none:
    return "none";
  case pause_mode::in_place:
    return "in_place";
  case pause_mode::retract:
    return "retract";
  case pause_mode::abort:
    return "abort";
  case pause_mode::keep:
    return "keep";
  case pause_mode::wait:
    return "wait";
  case pause_mode::sleep:
    return "sleep";
  }
  return "unknown";
}

pause_mode parse_pause_mode(engine_kind kind, std::string_view text) {
  const auto modes = modes_of(kind);
  if (text == "auto")
    return modes.front();
  if (const auto found = std::ranges::find(modes, text, [](pause_mode mode) { return name(mode); });
      found != modes.end())
    return *found;
  std::string known = "auto";
  for (const auto mode : modes)
    known += ", " + std::string{name(mode)};
  throw std::invalid_argument{"--pause " + std::string{text} + ": " + std::string{name(kind)} + " has "
                              + known};
}

std::unique_ptr<engine_api> make_engine_api(engine_kind kind, pause_mode pause) {
  static_cast<void>(parse_pause_mode(kind, name(pause)));
  switch (kind) {
  case engine_kind::sglang:
    return make_sglang_api(pause);
  case engine_kind::vllm:
    return make_vllm_api(pause);
  case engine_kind::lmdeploy:
    return make_lmdeploy_api();
  }
  throw std::invalid_argument{"make_engine_api: no such engine"};
}

} // namespace ckpt::io
