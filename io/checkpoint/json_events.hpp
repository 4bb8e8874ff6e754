// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// JSON as a stream of events, for documents in which every key counts: a document object model would silently
// merge duplicate keys, which have to be refused, and would copy values that are dropped at once. Internal to
// io/; pure.
//
// A target has these functions:
//   bool begin_object(), bool begin_array()     false: skip the whole value, no event comes from inside it
//   void end_object(), void end_array()
//   void key(string_view), void text(string_view)
//   void integer(uint64_t)                      a number without sign, fraction and exponent that fits
//   void other()                                any other scalar: null, booleans, all other numbers
// Views are valid during the call. A target throws to end the parsing.

#include "io/error.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ckpt::io {

/// Passes the parser's callbacks on to the target: joins the parts of strings, drops what lies inside skipped
/// values.
template <class Target>
class json_events {
public:
  using error_code = boost::json::error_code;
  using part_view = boost::json::string_view;

  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);

  explicit json_events(Target& target) : target_{target} {}

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }

  bool on_object_begin(error_code&) {
    if (skipped_levels_ > 0 || !target_.begin_object())
      ++skipped_levels_;
    return true;
  }
  bool on_object_end(std::size_t, error_code&) {
    if (!leaves_skipped())
      target_.end_object();
    return true;
  }
  bool on_array_begin(error_code&) {
    if (skipped_levels_ > 0 || !target_.begin_array())
      ++skipped_levels_;
    return true;
  }
  bool on_array_end(std::size_t, error_code&) {
    if (!leaves_skipped())
      target_.end_array();
    return true;
  }

  bool on_key_part(part_view part, std::size_t, error_code&) { return keep(part); }
  bool on_key(part_view part, std::size_t, error_code&) {
    if (skipped_levels_ == 0)
      target_.key(joined(part));
    parts_.clear();
    return true;
  }
  bool on_string_part(part_view part, std::size_t, error_code&) { return keep(part); }
  bool on_string(part_view part, std::size_t, error_code&) {
    if (skipped_levels_ == 0)
      target_.text(joined(part));
    parts_.clear();
    return true;
  }

  bool on_number_part(part_view, error_code&) { return true; }
  bool on_int64(std::int64_t value, part_view digits, error_code&) {
    if (skipped_levels_ > 0)
      return true;
    // "-0" arrives as 0; it is no size.
    if (value < 0 || digits.front() == '-')
      target_.other();
    else
      target_.integer(static_cast<std::uint64_t>(value));
    return true;
  }
  bool on_uint64(std::uint64_t value, part_view, error_code&) {
    if (skipped_levels_ == 0)
      target_.integer(value);
    return true;
  }
  bool on_double(double value, part_view, error_code& error) {
    if (!std::isfinite(value)) {
      error = boost::json::error::exponent_overflow;
      return false;
    }
    return scalar();
  }
  bool on_bool(bool, error_code&) { return scalar(); }
  bool on_null(error_code&) { return scalar(); }
  bool on_comment_part(part_view, error_code&) { return true; }
  bool on_comment(part_view, error_code&) { return true; }

private:
  bool scalar() {
    if (skipped_levels_ == 0)
      target_.other();
    return true;
  }

  bool leaves_skipped() {
    if (skipped_levels_ == 0)
      return false;
    --skipped_levels_;
    return true;
  }

  bool keep(part_view part) {
    if (skipped_levels_ == 0)
      parts_.append(part.data(), part.size());
    return true;
  }

  /// The whole string. Without escapes it comes in one part and is not copied.
  std::string_view joined(part_view last) {
    if (parts_.empty())
      return {last.data(), last.size()};
    return parts_.append(last.data(), last.size());
  }

  Target& target_;
  std::string parts_;
  std::size_t skipped_levels_ = 0;
};

/// Feeds all of `json` to `target`. Throws checkpoint_error when it is not exactly one JSON value; the
/// message has `file_name` and `what` (what the text should be).
template <class Target>
void parse_json(std::string_view json, Target& target, std::string_view file_name, std::string_view what) {
  boost::json::parse_options options;
  options.max_depth = 128;
  boost::json::basic_parser<json_events<Target>> parser{options, target};
  boost::json::error_code error;
  const auto used = parser.write_some(false, json.data(), json.size(), error);
  if (!error && used < json.size())
    error = boost::json::error::extra_data;
  if (error)
    throw checkpoint_error{file_name, std::string{what} + " is not valid JSON (" + error.message()
                                          + " at byte " + std::to_string(used) + ")"};
}

} // namespace ckpt::io
