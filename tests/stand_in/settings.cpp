// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/stand_in/settings.hpp"

#include "tests/stand_in/stand_in.hpp"

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace ckpt::stand_in {
namespace {

std::optional<std::string_view> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string_view>{value};
}

std::optional<std::uint64_t> parse(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional{number} : std::nullopt;
}

std::uint64_t number(const char* name, std::uint64_t otherwise) {
  const auto text = variable(name);
  if (!text)
    return otherwise;
  const auto value = parse(*text);
  if (!value)
    undefined((std::string{name} + " is no number").c_str());
  return *value;
}

/// As CUDA reads CUDA_VISIBLE_DEVICES: up to the first entry that makes no sense.
std::vector<int> visible_of(int gpus) {
  std::vector<int> visible;
  const auto list = variable("CUDA_VISIBLE_DEVICES");
  if (!list) {
    for (int gpu = 0; gpu < gpus; ++gpu)
      visible.push_back(gpu);
    return visible;
  }
  for (std::size_t begin = 0; begin <= list->size();) {
    const auto end = std::min(list->find(',', begin), list->size());
    const auto entry = parse(list->substr(begin, end - begin));
    if (!entry || *entry >= static_cast<std::uint64_t>(gpus))
      break;
    visible.push_back(static_cast<int>(*entry));
    begin = end + 1;
  }
  return visible;
}

settings read() {
  settings found;
  found.gpus = static_cast<int>(number("STAND_IN_GPUS", 0));
  found.visible = visible_of(found.gpus);
  found.host = variable("STAND_IN_HOST").value_or("");
  found.gpu_bytes = number("STAND_IN_GPU_BYTES", found.gpu_bytes);
  found.delay_max = std::chrono::microseconds{number("STAND_IN_DELAY_US", 0)};
  found.stuck_broadcast = number("STAND_IN_STUCK_BROADCAST", 0);
  found.refused_broadcast = number("STAND_IN_REFUSED_BROADCAST", 0);
  found.report = variable("STAND_IN_REPORT").value_or("");
  return found;
}

} // namespace

const settings& configured() {
  static const auto* const once = new settings{read()}; // Never destroyed: streams outlive main().
  return *once;
}

} // namespace ckpt::stand_in
