// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The choice of an engine by its name. The adapters are in sglang_api.cpp, vllm_api.cpp and lmdeploy_api.cpp.

#include "io/engine_api.hpp"

#include "io/engine_answers.hpp"

#include <stdexcept>

namespace ckpt::io {

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

std::unique_ptr<engine_api> make_engine_api(engine_kind kind) {
  switch (kind) {
  case engine_kind::sglang:
    return make_sglang_api();
  case engine_kind::vllm:
    return make_vllm_api();
  case engine_kind::lmdeploy:
    return make_lmdeploy_api();
  }
  throw std::invalid_argument{"make_engine_api: no such engine"};
}

} // namespace ckpt::io
