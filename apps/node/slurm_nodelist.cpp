// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/slurm_nodelist.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace ckpt::apps {
namespace {

constexpr std::size_t name_characters_max = 253; // DNS allows no longer one.
constexpr std::size_t digits_max = 18;           // Fits 64 bits.
constexpr std::size_t quoted_characters_max = 200;

/// Thrown with the mistake alone; expand_nodelist() adds the list.
struct malformed {
  std::string why;
};

/// The numbers from `first` to `last`, each at least `width` characters wide.
struct number_range {
  std::uint64_t first;
  std::uint64_t last;
  std::size_t width;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}

std::uint64_t parse_number(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.size() > digits_max || error != std::errc{} || end != digits.data() + digits.size())
    throw malformed{"\"" + std::string{digits} + "\" is no number"};
  return number;
}

/// Takes the part before the next `separator` off `text`; all of it when there is none.
std::string_view take_until(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

number_range parse_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto low = text.substr(0, dash);
  const auto high = dash == std::string_view::npos ? low : text.substr(dash + 1);
  const number_range range{parse_number(low), parse_number(high), low.size()};
  if (range.last < range.first)
    throw malformed{"the range " + std::string{text} + " runs backwards"};
  if (range.last - range.first >= nodelist_names_max)
    throw malformed{"the range " + std::string{text} + " has more than " + std::to_string(nodelist_names_max)
                    + " numbers"};
  return range;
}

/// Continues every stem with every number in brackets, the last bracket counting fastest.
std::vector<std::string> multiply(const std::vector<std::string>& stems, std::string_view brackets) {
  std::vector<std::string> numbers;
  if (brackets.empty() || brackets.ends_with(','))
    throw malformed{"a number is missing in the brackets"};
  while (!brackets.empty()) {
    const auto range = parse_range(take_until(brackets, ','));
    if (numbers.size() + (range.last - range.first) + 1 > nodelist_names_max / stems.size())
      throw malformed{"it names more than " + std::to_string(nodelist_names_max) + " hosts"};
    for (auto number = range.first; number <= range.last; ++number) {
      const auto digits = std::to_string(number);
      numbers.push_back(std::string(range.width - std::min(range.width, digits.size()), '0') + digits);
    }
  }
  std::vector<std::string> names;
  names.reserve(stems.size() * numbers.size());
  for (const auto& stem : stems)
    for (const auto& number : numbers)
      names.push_back(stem + number);
  return names;
}

/// Expands the entry that `text` begins with, and takes it off together with the comma behind it.
std::vector<std::string> take_entry(std::string_view& text) {
  std::vector<std::string> names{""};
  while (!text.empty() && text.front() != ',') {
    if (text.front() == '[') {
      const auto close = text.find(']');
      if (close == std::string_view::npos)
        throw malformed{"a bracket is not closed"};
      names = multiply(names, text.substr(1, close - 1));
      text.remove_prefix(close + 1);
    } else {
      const auto end = std::min(text.find_first_of("[,"), text.size());
      const auto literal = text.substr(0, end);
      if (!std::all_of(literal.begin(), literal.end(), is_name_character))
        throw malformed{"\"" + std::string{literal} + "\" holds a character that no host name has"};
      if (literal.size() > name_characters_max)
        throw malformed{"a name is longer than " + std::to_string(name_characters_max) + " characters"};
      for (auto& name : names)
        name += literal;
      text.remove_prefix(end);
    }
    if (names.front().size() > name_characters_max)
      throw malformed{"a name is longer than " + std::to_string(name_characters_max) + " characters"};
  }
  if (names.front().empty())
    throw malformed{"a name is missing"};
  if (!text.empty()) {
    text.remove_prefix(1);
    if (text.empty())
      throw malformed{"a name is missing after the last comma"};
  }
  return names;
}

} // namespace

std::vector<std::string> expand_nodelist(std::string_view list) {
  try {
    std::vector<std::string> names;
    auto rest = list;
    do {
      auto more = take_entry(rest);
      if (names.size() + more.size() > nodelist_names_max)
        throw malformed{"it names more than " + std::to_string(nodelist_names_max) + " hosts"};
      std::move(more.begin(), more.end(), std::back_inserter(names));
    } while (!rest.empty());
    return names;
  } catch (const malformed& problem) {
    const bool is_long = list.size() > quoted_characters_max;
    throw std::invalid_argument{"node list \"" + std::string{list.substr(0, quoted_characters_max)}
                                + (is_long ? "…" : "") + "\": " + problem.why};
  }
}

} // namespace ckpt::apps
