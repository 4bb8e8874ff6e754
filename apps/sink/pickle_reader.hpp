// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reads Python pickles as data: globals and calls are kept as descriptions, and nothing is looked up,
// imported or executed. Understands what io/engine/pickle_writer writes and what Python's own pickler makes
// of the same objects (protocols 4 and 5), and refuses everything else by its opcode. Pure; any thread.
//
// Source: the Python pickle virtual machine, Lib/pickletools.py.

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace ckpt::apps::sink {

/// The message is not a pickle of a kind that is understood here.
class pickle_error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Names a value of a pickle_tree.
using value_index = std::uint32_t;

struct pickle_value {
  enum class kind : std::uint8_t { none, boolean, integer, text, bytes, tuple, list, dict, global, call };

  kind is = kind::none;
  bool is_part = false;         ///< is an item of another value, and therefore must not change
  std::uint16_t depth = 0;      ///< 0 for a leaf, one more than its deepest item for the others
  std::int64_t number = 0;      ///< of a boolean or integer
  std::string_view text{};      ///< of a text or bytes; the module of a global
  std::string_view qualified{}; ///< the qualified name of a global

  /// Of a tuple or list; of a dict: keys and values in turn; of a call: the callable, the tuple of arguments
  /// and, when the pickle sets one, the state.
  std::vector<value_index> items{};
};

/// The values of one pickle. A value may be an item of several others, but there are no cycles. Texts point
/// into the message that was read.
class pickle_tree {
public:
  [[nodiscard]] const pickle_value& root() const { return values_.at(root_); }
  [[nodiscard]] const pickle_value& operator[](value_index index) const { return values_.at(index); }

private:
  friend class pickle_parser;
  std::vector<pickle_value> values_;
  value_index root_ = 0;
};

struct pickle_limits {
  std::size_t message_bytes_max = 64 << 20;
  std::size_t values_max = 4 << 20;
  std::uint16_t depth_max = 32;
};

/// Reads one pickle that fills all of `message`, which must outlive the tree. Throws pickle_error.
[[nodiscard]] pickle_tree read_pickle(std::string_view message, const pickle_limits& limits = {});

} // namespace ckpt::apps::sink
