// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/json_body.hpp"

#include <stdexcept>

#include <boost/json.hpp>

namespace ckpt::apps::sink {

namespace json = boost::json;

json::object parse_object(const std::string& body) {
  boost::system::error_code error;
  auto value = json::parse(body, error);
  if (error)
    throw std::invalid_argument{"the body is not JSON: " + error.message()};
  if (!value.is_object())
    throw std::invalid_argument{"the body is not a JSON object"};
  return std::move(value.get_object());
}

answer json_answer(unsigned status, const json::object& body) {
  return {answer::form::http, status, json::serialize(body)};
}

} // namespace ckpt::apps::sink
