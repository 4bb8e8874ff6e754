// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/version_shelf.hpp"

#include "io/checkpoint/checkpoint.hpp"
#include "io/error.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace ckpt::apps {
namespace {

/// Versions whose content is remembered, to tell it from other content under the same name.
constexpr std::size_t names_max = 1'024;

/// Versions on the shelf, and steps back.
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

version_shelf::content version_shelf::content_of(const io::checkpoint& checkpoint) {
  content files;
  for (const auto& file : checkpoint.files)
    files.emplace(file.path, file.stamp);
  return files;
}

std::string version_shelf::served_before(std::size_t steps) const {
  return steps < history_.size() ? history_[history_.size() - 1 - steps] : std::string{};
}

/// An update that is not over holds the version, too.
bool version_shelf::is_needed(const entry& one) const {
  return one.name == served_before(0) || one.name == served_before(1) || one.version.use_count() > 1;
}

/// Takes an entry off the shelf.
void version_shelf::leave(std::list<entry>& to, std::list<entry>::iterator one) {
  std::erase_if(leftovers_, [](const leftover& each) { return each.life.expired(); });
  if (bytes_of(one->version) > 0)
    leftovers_.push_back({one->life, bytes_of(one->version)});
  to.splice(to.end(), entries_, one);
}

bool version_shelf::make_room(std::uint64_t bytes) {
  release_dropped();
  std::list<entry> evicted; // Freed after the mutex: that takes a while.
  const std::lock_guard lock{mutex_};
  if (bytes > memory_bytes_max_)
    return false;
  for (auto each = entries_.begin();
       each != entries_.end() && bytes_in_memory() + bytes > memory_bytes_max_;) {
    const auto one = each++;
    if (bytes_of(one->version) > 0 && !is_needed(*one))
      evicted.splice(evicted.end(), entries_, one);
  }
  return bytes_in_memory() + bytes <= memory_bytes_max_;
}

std::function<std::string()> version_shelf::change_of(const std::string& name,
                                                      const std::filesystem::path& path) const {
  const std::lock_guard lock{mutex_};
  const auto known = std::ranges::find(contents_, name, &known_content::name);
  if (known == contents_.end())
    return [] { return std::string{}; };
  return [before = known->files, path]() -> std::string {
    std::error_code unreadable; // Nothing that could be read is there.
    try {
      return std::filesystem::exists(path, unreadable)
                 ? compare(before, content_of(io::open_checkpoint(path)))
                 : "";
    } catch (const io::checkpoint_error& error) {
      return error.what();
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::permission_denied)
        throw;
      return error.what();
    }
  };
}

std::uint64_t version_shelf::content_number(const std::string& name) const {
  const std::lock_guard lock{mutex_};
  const auto known = std::ranges::find(contents_, name, &known_content::name);
  return known == contents_.end() ? 0 : known->number;
}

std::string version_shelf::compare(const content& before, const content& now) {
  for (const auto& [file, stamp] : before) {
    const auto same = now.find(file);
    if (same == now.end())
      return file.native() + " is not part of it any more";
    if (same->second.device != stamp.device || same->second.inode != stamp.inode)
      return file.native() + ": it is another file now";
    if (const auto change = io::describe_change(stamp, same->second); !change.empty())
      return file.native() + ": " + change;
  }
  return now.size() == before.size() ? std::string{} : "there are more files now";
}

actors::version_ptr version_shelf::put(const std::string& name, actors::version_ptr version) {
  auto life = std::make_shared<const bool>();
  const std::weak_ptr<const bool> watched{life};
  auto* const raw = version.get();
  actors::version_ptr counted{raw, [version = std::move(version), life = std::move(life)](auto*) mutable {
                                version.reset(); // Unpins the memory, and unmaps it.
                                life.reset();
                              }};
  std::list<entry> gone; // Freed after the mutex: that takes a while.
  const std::lock_guard lock{mutex_};
  known_content made{name, content_of(counted->checkpoint), 0};
  const auto before = std::ranges::find(contents_, name, &known_content::name);
  const bool is_the_same = before != contents_.end() && compare(before->files, made.files).empty();
  made.number = is_the_same ? before->number : ++contents_count_;
  if (before != contents_.end()
      && !is_the_same) // What engines were given under this name is not here any more.
    std::ranges::replace(history_, name, std::string{});
  if (before != contents_.end())
    contents_.erase(before);
  if (contents_.size() >= names_max) { // Never that of a version on the shelf: engines may serve it.
    const auto oldest = std::ranges::find_if(contents_, [&](const known_content& one) {
      return std::ranges::find(entries_, one.name, &entry::name) == entries_.end();
    });
    if (oldest != contents_.end())
      contents_.erase(oldest);
  }
  contents_.push_back(std::move(made));
  for (auto each = entries_.begin(); each != entries_.end();) {
    const auto one = each++;
    if (one->name == name || (bytes_of(one->version) == 0 && !is_needed(*one)))
      leave(gone, one);
  }
  for (auto each = entries_.begin(); each != entries_.end() && entries_.size() >= versions_max;) {
    const auto one = each++;
    if (!is_needed(*one))
      leave(gone, one);
  }
  entries_.push_back({name, counted, watched});
  return counted;
}

void version_shelf::serve(const std::string& name, bool is_rollback) {
  const std::lock_guard lock{mutex_};
  if (is_rollback && std::ranges::find(history_, name) != history_.end())
    while (history_.back() != name)
      history_.pop_back();
  if (served_before(0) != name)
    history_.push_back(name);
  if (history_.size() > versions_max)
    history_.erase(history_.begin());
  const auto found = std::ranges::find(entries_, name, &entry::name);
  if (found != entries_.end())
    entries_.splice(entries_.end(), entries_, found);
}

std::string version_shelf::previous() const {
  const std::lock_guard lock{mutex_};
  return served_before(1);
}

std::string version_shelf::served() const {
  const std::lock_guard lock{mutex_};
  return served_before(0);
}

version_shelf::dropped version_shelf::drop(const std::string& name) {
  const std::lock_guard lock{mutex_};
  if (name == served_before(0))
    return dropped::is_served;
  const auto known = std::erase_if(contents_, [&](const auto& one) { return one.name == name; });
  if (const auto found = std::ranges::find(entries_, name, &entry::name); found != entries_.end())
    leave(dropped_, found);
  std::erase(history_, name);
  return known > 0 ? dropped::yes : dropped::unknown;
}

void version_shelf::release_dropped() {
  const std::lock_guard one_at_a_time{releasing_}; // Whoever needs room waits for what is under way.
  std::list<entry> gone;
  const std::lock_guard lock{mutex_};
  gone.swap(dropped_);
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
                                      {"served", one.name == served_before(0)},
                                      {"previous", one.name == served_before(1)}});
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
  for (const auto& one : leftovers_)
    bytes += one.life.expired() ? 0 : one.bytes;
  return bytes;
}

} // namespace ckpt::apps
