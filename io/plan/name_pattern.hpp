// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Patterns of tensor names that say which tensors travel together: the built-in table's, and the user's
// (--keep-together). Pure; any thread.
//
//   model.layers.*.mlp.{gate_proj,up_proj}
//                |          |
//                |          one of these; which one makes no difference
//                any text; tensors are kept together where this text is the same
//
// A pattern covers what it names and everything below: it matches the beginning of a name, up to its end or
// to a `.`. `*` takes the shortest text that fits. `*.` at the start of a pattern also matches nothing, and
// `.*` at its end adds nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::io {

class name_pattern {
public:
  /// Throws std::invalid_argument, naming `text`, for an empty pattern and for braces that do not pair.
  explicit name_pattern(std::string_view text);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }

  /// The text that the stars stand for in `name`: equal for all names that belong together. Nothing where the
  /// pattern does not match.
  [[nodiscard]] std::optional<std::string> match(std::string_view name) const;

private:
  enum class kind : std::uint8_t { one_of, any, any_parent };

  struct token {
    kind type = kind::one_of;
    std::vector<std::string> texts; ///< of one_of: a plain stretch of the pattern is a single text
  };

  void parse(std::string_view text);
  [[nodiscard]] bool match_from(std::size_t next, std::string_view name, std::size_t at,
                                std::vector<std::string_view>& stars) const;

  std::string text_;
  std::vector<token> tokens_;
  std::vector<std::string> rarest_; ///< every name that matches has one of these; empty: unknown
};

} // namespace ckpt::io
