// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The OpenAPI description of a resident node: openapi.json, as it is built in.

#include <string_view>

namespace ckpt::apps {

[[nodiscard]] std::string_view openapi_text() noexcept;

} // namespace ckpt::apps
