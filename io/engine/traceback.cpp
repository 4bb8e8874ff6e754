// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/engine/traceback.hpp"

#include "io/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace ckpt::io {
namespace {

constexpr std::size_t lines_kept = 6;
constexpr std::size_t words_bytes_max = 2'000;
constexpr std::size_t whole_bytes_max = 64 << 10;

/// The last `bytes_max` bytes, not beginning within a UTF-8 character.
std::string_view end_of(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max)
    return text;
  text.remove_prefix(text.size() - bytes_max);
  while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xc0U) == 0x80U)
    text.remove_prefix(1);
  return text;
}

/// Fit for a terminal and a report: a worker may say anything.
std::string harmless(std::string_view text) {
  auto clean = valid_utf8(text);
  for (auto& c : clean)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
      c = '?';
  return clean;
}

bool only_underlines(std::string_view line) {
  return line.find_first_not_of(" ^~") == std::string_view::npos;
}

} // namespace

std::string last_words_of_traceback(std::string_view text) {
  const auto kept = end_of(text, words_bytes_max);
  std::vector<std::string_view> lines;
  for (std::size_t begin = 0; begin < kept.size();) {
    const auto end = std::min(kept.find('\n', begin), kept.size());
    if (const auto line = kept.substr(begin, end - begin); !only_underlines(line))
      lines.push_back(line);
    begin = end + 1;
  }
  std::string words = kept.size() < text.size() && lines.size() <= lines_kept ? "… " : "";
  for (auto line = lines.end() - static_cast<std::ptrdiff_t>(std::min(lines.size(), lines_kept));
       line != lines.end(); ++line)
    words += (line + 1 == lines.end()) ? std::string{*line} : std::string{*line} + "\n";
  return harmless(words);
}

std::string whole_traceback(std::string_view text) {
  const auto kept = end_of(text, whole_bytes_max);
  return (kept.size() < text.size() ? "… " : "") + harmless(kept);
}

} // namespace ckpt::io
