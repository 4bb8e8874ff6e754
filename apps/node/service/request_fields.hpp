// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The parts of a request to a resident node, checked. Everything throws bad_request for what makes no sense.
// Pure.

#include "io/http/http_exchange.hpp"

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

namespace ckpt::apps {

/// The longest wait that a caller may ask for.
inline constexpr double wait_seconds_max = 3'600;

/// The fields of a request's body. A field that is null counts as absent.
class request_fields {
public:
  /// Refuses a body that is no object of `known` fields. An empty one has none.
  request_fields(const std::string& body, std::initializer_list<std::string_view> known);

  [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
  [[nodiscard]] std::optional<double> number(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name) const;

  /// Empty if the field is absent.
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;
  [[nodiscard]] std::vector<std::uint32_t> counts(std::string_view name) const;

private:
  [[nodiscard]] const boost::json::value* find(std::string_view name) const;
  [[nodiscard]] const boost::json::array* list(std::string_view name) const;

  boost::json::object values_;
};

/// A version's name: 1 to 256 bytes of UTF-8. `what` is the field, or the part of the path, that holds it.
[[nodiscard]] std::string require_name(const std::optional<std::string>& name, std::string_view what);

/// A part of the path without percent signs.
[[nodiscard]] std::string decoded(std::string_view part);

/// The one spelling of a place: without "..", and without a slash at the end. Refuses a path that is not
/// absolute.
[[nodiscard]] std::filesystem::path require_path(const std::string& path, std::string_view what);

/// Seconds that the caller wants to wait.
[[nodiscard]] double wait_of(const io::http_question& asked);

} // namespace ckpt::apps
