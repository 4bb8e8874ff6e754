// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Matching by trying: patterns are short. Names that lack the rarest text of a pattern, as nearly all do, are
// not tried.

#include "io/plan/name_pattern.hpp"

#include <algorithm>
#include <stdexcept>

namespace ckpt::io {
namespace {

[[nodiscard]] std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0;;) {
    const auto comma = text.find(',', begin);
    parts.emplace_back(text.substr(begin, comma - begin));
    if (comma == std::string_view::npos)
      return parts;
    begin = comma + 1;
  }
}

} // namespace

name_pattern::name_pattern(std::string_view text) : text_{text} {
  if (text.size() > 2 && text.ends_with(".*"))
    text.remove_suffix(2);
  if (text.starts_with("*.") && text.size() > 2) {
    tokens_.push_back({kind::any_parent, {}});
    text.remove_prefix(2);
  }
  parse(text);
  if (tokens_.empty())
    throw std::invalid_argument{"a pattern of tensor names must not be empty"};
  std::size_t length_max = 0;
  for (const auto& each : tokens_) {
    const auto shortest = std::ranges::min_element(each.texts, {}, &std::string::size);
    if (shortest != each.texts.end() && shortest->size() > length_max) {
      length_max = shortest->size();
      rarest_ = each.texts;
    }
  }
}

void name_pattern::parse(std::string_view text) {
  while (!text.empty()) {
    if (text.front() == '*') {
      tokens_.push_back({kind::any, {}});
      text.remove_prefix(1);
      continue;
    }
    if (text.front() == '{') {
      const auto end = text.find('}');
      const auto inside = text.substr(1, end == std::string_view::npos ? end : end - 1);
      if (end == std::string_view::npos || inside.find_first_of("{*") != std::string_view::npos)
        throw std::invalid_argument{"the pattern " + text_
                                    + " of tensor names has a brace without its pair, or more than texts "
                                      "between a pair of braces"};
      tokens_.push_back({kind::one_of, split_at_commas(inside)});
      text.remove_prefix(end + 1);
      continue;
    }
    if (text.front() == '}')
      throw std::invalid_argument{"the pattern " + text_
                                  + " of tensor names closes a brace it has not opened"};
    const auto length = std::min(text.find_first_of("*{}"), text.size());
    tokens_.push_back({kind::one_of, {std::string{text.substr(0, length)}}});
    text.remove_prefix(length);
  }
}

std::optional<std::string> name_pattern::match(std::string_view name) const {
  const auto is_in_name = [&](const std::string& text) { return name.find(text) != std::string_view::npos; };
  if (!rarest_.empty() && std::ranges::none_of(rarest_, is_in_name))
    return std::nullopt;
  std::vector<std::string_view> stars;
  if (!match_from(0, name, 0, stars))
    return std::nullopt;
  std::string together;
  for (const auto star : stars) {
    together += star;
    together += '\0'; // Keeps "ab" + "c" apart from "a" + "bc".
  }
  return together;
}

bool name_pattern::match_from(std::size_t next, std::string_view name, std::size_t at,
                              std::vector<std::string_view>& stars) const {
  if (next == tokens_.size())
    return at == name.size() || name[at] == '.';
  const auto& wanted = tokens_[next];
  if (wanted.type == kind::one_of) {
    for (const auto& text : wanted.texts)
      if (name.substr(at).starts_with(text) && match_from(next + 1, name, at + text.size(), stars))
        return true;
    return false;
  }
  for (auto end = at; end <= name.size(); ++end) {
    stars.push_back(name.substr(at, end - at));
    if (match_from(next + 1, name, end, stars))
      return true;
    stars.pop_back();
    if (wanted.type == kind::any_parent) {
      end = name.find('.', end); // The parent's own end; what follows it is tried next.
      if (end == std::string_view::npos)
        return false;
    }
  }
  return false;
}

} // namespace ckpt::io
