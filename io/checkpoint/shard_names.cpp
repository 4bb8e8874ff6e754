// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/checkpoint/shard_names.hpp"

#include "io/error.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

namespace ckpt::io {
namespace {

/// More than any checkpoint has.
constexpr std::size_t digits_max = 9;

/// "model-00002-of-00004.safetensors" is number 2 of the set "model-*-of-00004.safetensors", which has 4.
struct shard_number {
  std::string set;
  std::uint32_t number = 0;
  std::uint32_t count = 0;
};

[[nodiscard]] std::string_view digits_at(std::string_view text) {
  return text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
}

[[nodiscard]] std::uint32_t value_of(std::string_view digits) {
  std::uint32_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

[[nodiscard]] std::optional<shard_number> shard_number_of(std::string_view name) {
  constexpr std::string_view between = "-of-";
  const auto middle = name.rfind(between);
  if (middle == std::string_view::npos)
    return {};
  const auto stem_end = name.find_last_not_of("0123456789", middle == 0 ? 0 : middle - 1) + 1;
  const auto number = name.substr(stem_end, middle - stem_end);
  const auto count = digits_at(name.substr(middle + between.size()));
  if (number.empty() || count.empty() || number.size() > digits_max || count.size() > digits_max)
    return {};
  return shard_number{std::string{name.substr(0, stem_end)} + "*" + std::string{name.substr(middle)},
                      value_of(number), value_of(count)};
}

[[nodiscard]] bool starts_and_ends(std::string_view name, std::string_view begin) {
  return name.starts_with(begin) && name.ends_with(".safetensors");
}

} // namespace

chosen_files choose_files(std::vector<std::string> names) {
  chosen_files chosen;
  if (std::ranges::any_of(names, [](const auto& name) { return starts_and_ends(name, "model"); })) {
    const auto second = std::stable_partition(
        names.begin(), names.end(), [](const auto& name) { return !starts_and_ends(name, "consolidated"); });
    chosen.left_out.assign(second, names.end());
    names.erase(second, names.end());
  }
  chosen.names = std::move(names);
  return chosen;
}

std::vector<std::string> remarks_on_gaps(const std::vector<std::string>& names) {
  struct numbered {
    std::uint32_t count = 0;
    std::set<std::uint32_t> seen;
  };
  std::map<std::string, numbered> sets;
  for (const auto& name : names)
    if (auto shard = shard_number_of(name)) {
      auto& set = sets[shard->set];
      set.count = shard->count;
      set.seen.insert(shard->number);
    }
  std::vector<std::string> remarks;
  for (const auto& [set, numbers] : sets) {
    // A set that is numbered from 0 ends one number earlier.
    const auto first = *numbers.seen.begin() == 0 ? 0U : 1U;
    std::uint32_t present = 0;
    std::uint32_t missing = first;
    for (const auto number : numbers.seen)
      if (number >= first && number - first < numbers.count) {
        ++present;
        missing += number == missing ? 1 : 0;
      }
    if (present < numbers.count)
      remarks.push_back(printable(set) + ": " + std::to_string(numbers.count - present) + " of "
                        + std::to_string(numbers.count) + " numbered files are missing, number "
                        + std::to_string(missing) + " first");
  }
  return remarks;
}

bool is_one_of_several(std::string_view name) {
  const auto shard = shard_number_of(name);
  return shard && shard->count > 1;
}

} // namespace ckpt::io
