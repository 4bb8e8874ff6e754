// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/checkpoint/file_kind.hpp"

#include <array>
#include <cctype>

namespace ckpt::io {

namespace {

using namespace std::string_view_literals;

struct kind {
  std::string_view beginning; ///< in small letters where `is_text`
  bool is_text;               ///< white space may precede it, and letters may be large
  std::string_view description;
};

constexpr auto pointer =
    "is a Git LFS pointer to the file, not the file: run \"git lfs pull\" in its repository"sv;
constexpr auto page =
    "is an HTML page, not a safetensors file: a download that ended at an error or a login"sv;
constexpr auto pytorch = "is a PyTorch (pickle) checkpoint, not a safetensors file: convert it first"sv;

/// A safetensors file begins with its header's length. Read as a length, each of these exceeds the limit.
constexpr std::array kinds{
    kind{"version https://git-lfs"sv, false, pointer},
    kind{"<!doctype"sv, true, page},
    kind{"<html"sv, true, page},
    kind{"<?xml"sv, true, "is XML, not a safetensors file: a download that ended at an error"sv},
    kind{"{"sv, true, "is JSON, not a safetensors file"sv},
    kind{"PK\x03\x04"sv, false,
         "is a zip archive, as PyTorch writes them, not a safetensors file: convert it first"sv},
    kind{"\x80\x02"sv, false, pytorch},
    kind{"\x80\x03"sv, false, pytorch},
    kind{"\x80\x04"sv, false, pytorch},
    kind{"GGUF"sv, false, "is a GGUF file, not a safetensors file"sv},
};

bool begins(std::string_view text, const kind& one) {
  if (one.is_text)
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
      text.remove_prefix(1);
  if (text.size() < one.beginning.size())
    return false;
  for (std::size_t i = 0; i < one.beginning.size(); ++i) {
    const auto letter = static_cast<unsigned char>(text[i]);
    if ((one.is_text ? std::tolower(letter) : letter) != static_cast<unsigned char>(one.beginning[i]))
      return false;
  }
  return true;
}

} // namespace

std::string_view describe_kind(std::string_view beginning) {
  if (beginning.empty())
    return "is empty: too short to be a safetensors file";
  for (const auto& one : kinds)
    if (begins(beginning, one))
      return one.description;
  return {};
}

} // namespace ckpt::io
