// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/version_shelf.hpp"

#include "io/checkpoint/file_stamp.hpp"
#include "io/fd.hpp"

#include <algorithm>
#include <utility>

#include <fcntl.h>

namespace ckpt::apps {
namespace {

/// Versions whose tables are remembered, in memory or not.
constexpr std::size_t versions_max = 64;

[[nodiscard]] std::uint64_t bytes_of(const actors::version_ptr& version) {
  return version->resident ? version->resident->memory().size() : 0;
}

} // namespace

actors::version_ptr version_shelf::find(const std::string& name) const {
  const std::lock_guard lock{mutex_};
  const auto found = std::ranges::find(entries_, name, &entry::name);
  return found == entries_.end() ? nullptr : found->version;
}

bool version_shelf::make_room(std::uint64_t bytes) {
  const std::lock_guard lock{mutex_};
  if (bytes > memory_bytes_max_)
    return false;
  for (auto each = entries_.begin();
       each != entries_.end() && bytes_in_memory() + bytes > memory_bytes_max_;) {
    const bool stays = bytes_of(each->version) == 0 || each->name == served_ || each->name == previous_;
    each = stays ? std::next(each) : entries_.erase(each);
  }
  return bytes_in_memory() + bytes <= memory_bytes_max_;
}

std::string version_shelf::describe_change(const std::string& name) const {
  const auto known = find(name);
  if (!known)
    return {};
  for (const auto& file : known->checkpoint.files) {
    const io::fd opened{::open(file.path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!opened)
      continue;
    const auto now = io::stamp_of(opened.number(), file.path.native());
    if (now.device != file.stamp.device || now.inode != file.stamp.inode)
      return file.path.native() + ": it is another file now";
    if (const auto change = io::describe_change(file.stamp, now); !change.empty())
      return file.path.native() + ": " + change;
  }
  return {};
}

void version_shelf::put(const std::string& name, actors::version_ptr version) {
  const std::lock_guard lock{mutex_};
  std::erase_if(entries_, [&](const entry& one) { return one.name == name; });
  for (auto each = entries_.begin(); each != entries_.end() && entries_.size() >= versions_max;)
    each = each->name == served_ || each->name == previous_ ? std::next(each) : entries_.erase(each);
  entries_.push_back({name, std::move(version), false});
}

void version_shelf::serve(const std::string& name) {
  const std::lock_guard lock{mutex_};
  if (name == served_)
    return;
  previous_ = std::exchange(served_, name);
  const auto found = std::ranges::find(entries_, name, &entry::name);
  if (found != entries_.end())
    entries_.splice(entries_.end(), entries_, found);
}

std::string version_shelf::previous() const {
  const std::lock_guard lock{mutex_};
  return previous_;
}

std::string version_shelf::served() const {
  const std::lock_guard lock{mutex_};
  return served_;
}

version_shelf::dropped version_shelf::drop(const std::string& name) {
  const std::lock_guard lock{mutex_};
  if (name == served_)
    return dropped::is_served;
  return std::erase_if(entries_, [&](const entry& one) { return one.name == name; }) > 0 ? dropped::yes
                                                                                         : dropped::unknown;
}

boost::json::array version_shelf::describe() const {
  const std::lock_guard lock{mutex_};
  boost::json::array all;
  for (const auto& one : entries_) {
    const auto bytes = bytes_of(one.version);
    all.push_back(boost::json::object{{"version", one.name},
                                      {"checkpoint_path", one.version->checkpoint.path.string()},
                                      {"bytes", one.version->checkpoint.tensor_bytes},
                                      {"resident", one.version->resident != nullptr},
                                      {"memory_bytes", bytes},
                                      {"served", one.name == served_},
                                      {"previous", one.name == previous_}});
  }
  return all;
}

std::uint64_t version_shelf::memory_bytes() const {
  const std::lock_guard lock{mutex_};
  return bytes_in_memory();
}

std::uint64_t version_shelf::bytes_in_memory() const {
  std::uint64_t bytes = 0;
  for (const auto& one : entries_)
    bytes += bytes_of(one.version);
  return bytes;
}

} // namespace ckpt::apps
