// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Large models have a hundred thousand entries, in runs that name the same file. So an entry's file is first
// compared with that of the entry before it. Only the names are copied.

#include "io/checkpoint/checkpoint_index.hpp"

#include "io/checkpoint/json_events.hpp"
#include "io/error.hpp"

#include <algorithm>
#include <cstddef>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace ckpt::io {

namespace {

/// The path without leading "./", so that no file has two names.
std::string_view plain(std::string_view path) {
  while (path.starts_with("./"))
    path.remove_prefix(2);
  return path;
}

/// True for a path that stays below the directory it is relative to, in the one spelling without empty and
/// "." parts, so that no file has two names.
bool is_inside(std::string_view path) {
  if (path.find('\0') != std::string_view::npos)
    return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..")
      return false;
    begin = end + 1;
  }
  return true;
}

class index_target {
public:
  index_target(std::string_view file_name, std::vector<indexed_file>& files)
      : file_name_{file_name}, files_{files} {}

  bool begin_object() {
    if (depth_ == 0 || is_weight_map_) {
      if (depth_ == 2)
        not_a_file_name();
      ++depth_;
      return true;
    }
    return false;
  }
  void end_object() {
    if (--depth_ == 1)
      is_weight_map_ = false;
  }
  bool begin_array() { return scalar(); }
  void end_array() {}

  void key(std::string_view text) {
    if (depth_ == 2) {
      tensor_ = text;
      return;
    }
    is_weight_map_ = text == "weight_map";
    if (is_weight_map_ && std::exchange(seen_, true))
      throw checkpoint_error{file_name_, "the index has weight_map twice"};
  }

  void text(std::string_view file) {
    if (depth_ != 2) {
      scalar();
      return;
    }
    if (files_.empty() || files_[last_].name != file)
      last_ = find(file);
    files_[last_].tensors.push_back(std::move(tensor_));
  }
  void integer(std::uint64_t) { scalar(); }
  void other() { scalar(); }

  [[nodiscard]] bool seen() const { return seen_; }

private:
  /// Refuses this value where an object or the name of a file has to be; elsewhere passes over it.
  bool scalar() const {
    if (depth_ == 0)
      throw checkpoint_error{file_name_, "the index is not a JSON object"};
    if (depth_ == 2)
      not_a_file_name();
    if (is_weight_map_)
      throw checkpoint_error{file_name_, "weight_map is not a JSON object"};
    return false;
  }

  [[noreturn]] void not_a_file_name() const {
    throw checkpoint_error{file_name_, tensor_, "weight_map does not give the name of a file"};
  }

  std::size_t find(std::string_view as_written) {
    const auto file = plain(as_written);
    const auto [position, is_new] = by_name_.try_emplace(std::string{file}, files_.size());
    if (is_new) {
      if (!is_inside(file))
        throw checkpoint_error{file_name_, tensor_,
                               "weight_map names the file \"" + printable(file)
                                   + "\", which is not a plain path below the checkpoint's directory"};
      files_.push_back({std::string{file}, {}});
    }
    return position->second;
  }

  std::string_view file_name_;
  std::vector<indexed_file>& files_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::size_t last_ = 0;
  std::string tensor_;
  unsigned depth_ = 0;
  bool is_weight_map_ = false;
  bool seen_ = false;
};

} // namespace

std::vector<indexed_file> parse_checkpoint_index(std::string_view json, std::string_view file_name) {
  if (json.starts_with("\xef\xbb\xbf"))
    throw checkpoint_error{file_name,
                           "the index begins with a UTF-8 byte-order mark, which JSON does not allow and "
                           "Python refuses: save it without"};
  std::vector<indexed_file> files;
  index_target target{file_name, files};
  parse_json(json, target, file_name, "the index");
  if (!target.seen())
    throw checkpoint_error{file_name, "the index has no weight_map"};
  if (files.empty())
    throw checkpoint_error{file_name, "the index names no tensor"};

  std::size_t count = 0;
  for (const auto& file : files)
    count += file.tensors.size();
  std::unordered_set<std::string_view> names;
  names.reserve(count);
  for (const auto& file : files)
    for (const auto& tensor : file.tensors)
      if (!names.insert(tensor).second)
        throw checkpoint_error{file_name, tensor, "is in the index twice"};

  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return files;
}

} // namespace ckpt::io
