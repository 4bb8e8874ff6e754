// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/request_fields.hpp"

#include "apps/node/service/http_side.hpp"
#include "io/http/percent.hpp"
#include "io/utf8.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace ckpt::apps {
namespace {

namespace json = boost::json;

constexpr std::size_t name_length_max = 256;
constexpr std::size_t list_length_max = 4'096;

[[noreturn]] void refuse_field(std::string_view name, const char* why) {
  throw bad_request{"\"" + std::string{name} + "\" has to be " + why};
}

} // namespace

request_fields::request_fields(const std::string& body, std::initializer_list<std::string_view> known) {
  boost::system::error_code error;
  auto parsed = json::parse(body.empty() ? "{}" : body, error);
  if (error || !parsed.is_object())
    throw bad_request{"the body is no JSON object"};
  values_ = std::move(parsed.as_object());
  for (const auto& field : values_)
    if (std::ranges::find(known, std::string_view{field.key()}) == known.end())
      throw bad_request{"unknown field \"" + std::string{field.key()} + "\""};
}

const json::value* request_fields::find(std::string_view name) const {
  const auto* value = values_.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

const json::array* request_fields::list(std::string_view name) const {
  const auto* value = find(name);
  if (value != nullptr && (!value->is_array() || value->as_array().size() > list_length_max))
    refuse_field(name, "a list of at most 4096");
  return value == nullptr ? nullptr : &value->as_array();
}

std::optional<std::string> request_fields::text(std::string_view name) const {
  const auto* value = find(name);
  if (value == nullptr)
    return std::nullopt;
  if (!value->is_string())
    refuse_field(name, "a text");
  return std::string{value->as_string()};
}

std::optional<double> request_fields::number(std::string_view name) const {
  const auto* value = find(name);
  if (value == nullptr)
    return std::nullopt;
  if (!value->is_number())
    refuse_field(name, "a number");
  return value->to_number<double>();
}

bool request_fields::flag(std::string_view name) const {
  const auto* value = find(name);
  if (value != nullptr && !value->is_bool())
    refuse_field(name, "true or false");
  return value != nullptr && value->as_bool();
}

std::vector<std::string> request_fields::texts(std::string_view name) const {
  std::vector<std::string> all;
  if (const auto* values = list(name))
    for (const auto& one : *values) {
      if (!one.is_string())
        refuse_field(name, "a list of texts");
      all.emplace_back(one.as_string());
    }
  return all;
}

std::vector<std::uint32_t> request_fields::counts(std::string_view name) const {
  std::vector<std::uint32_t> all;
  if (const auto* values = list(name))
    for (const auto& one : *values) {
      boost::system::error_code error;
      all.push_back(one.is_number() ? one.to_number<std::uint32_t>(error) : 0);
      if (error || !one.is_number())
        refuse_field(name, "a list of integers from 0");
    }
  return all;
}

std::string require_name(const std::optional<std::string>& name, std::string_view what) {
  if (!name || name->empty() || name->size() > name_length_max || io::valid_utf8(*name) != *name)
    refuse_field(what, "a text of 1 to 256 bytes of UTF-8");
  return *name;
}

std::string decoded(std::string_view part) {
  auto text = io::percent_decode(part);
  if (!text)
    throw bad_request{"a percent sign in the path is not followed by two hexadecimal digits"};
  return std::move(*text);
}

std::filesystem::path require_path(const std::string& path, std::string_view what) {
  const auto asked = std::filesystem::path{path}.lexically_normal();
  if (!asked.is_absolute())
    refuse_field(what, "an absolute path");
  return asked.has_filename() ? asked : asked.parent_path();
}

double wait_of(const io::http_question& asked) {
  const auto found = asked.query.find("wait");
  if (found == asked.query.end())
    return 0;
  char* end = nullptr;
  const double seconds = std::strtod(found->second.c_str(), &end);
  if (found->second.empty() || *end != '\0' || !std::isfinite(seconds) || seconds < 0
      || seconds > wait_seconds_max)
    throw bad_request{"\"wait\" has to be a number of seconds, at most 3600"};
  return seconds;
}

} // namespace ckpt::apps
