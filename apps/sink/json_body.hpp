// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// JSON in requests and answers. Pure; any thread.

#include "apps/sink/dialect.hpp"

#include <string>

#include <boost/json/object.hpp>

namespace ckpt::apps::sink {

/// The body of a request. Throws std::invalid_argument when it is not a JSON object.
[[nodiscard]] boost::json::object parse_object(const std::string& body);

[[nodiscard]] answer json_answer(unsigned status, const boost::json::object& body);

} // namespace ckpt::apps::sink
