// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The versions that a resident node knows: in memory as far as there is room, else only by their files. Any
// thread; bounded by the memory that the user allows, and by a number of versions.

#include "actors/update/update.hpp"
#include "io/checkpoint/file_stamp.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <boost/json.hpp>

namespace ckpt::apps {

class version_shelf {
public:
  /// `memory_bytes_max`: for what is kept in memory; 0 keeps nothing there.
  explicit version_shelf(std::uint64_t memory_bytes_max) : memory_bytes_max_{memory_bytes_max} {}

  [[nodiscard]] actors::version_ptr find(const std::string& name) const;

  /// Makes room in memory for `bytes`: evicts the least recently used versions, but never one that is served,
  /// that was served before, or that an update still needs. False when there is not enough. What has left the
  /// shelf counts while somebody has it: an update, or hosts that join.
  [[nodiscard]] bool make_room(std::uint64_t bytes);

  /// Returns a function that tells how the checkpoint at `path` differs from the files that version `name` was made of:
  /// in number, identity, size or time, or because it cannot be read as a checkpoint any more. Empty: it does
  /// not, nothing is at `path` any more, or the name is unknown. The function may hang with the file system,
  /// does not need the shelf, and throws std::system_error.
  [[nodiscard]] std::function<std::string()> change_of(const std::string& name,
                                                       const std::filesystem::path& path) const;

  /// Other content under the same name has another number. 0 for a name that is not known.
  [[nodiscard]] std::uint64_t content_number(const std::string& name) const;

  /// Replaces a version of the same name. Versions that are not in memory are removed, unless they are served, were
  /// served before, or an update needs them: their open files take room on disk even when they were removed.
  /// Returns the version as it is counted: nobody is to hold another pointer to it.
  actors::version_ptr put(const std::string& name, actors::version_ptr version);

  /// The engines serve `name` from now on. A roll-back removes later versions from the history.
  void serve(const std::string& name, bool is_rollback);

  /// The version that they served before; empty when there was none.
  [[nodiscard]] std::string previous() const;
  [[nodiscard]] std::string served() const;

  /// The result of drop().
  enum class dropped : std::uint8_t { yes, unknown, is_served };
  [[nodiscard]] dropped drop(const std::string& name);

  /// Gives back the memory of dropped versions. That takes a while, because it is unpinned: call it on a thread that
  /// nobody waits for.
  void release_dropped();

  [[nodiscard]] boost::json::array describe() const;
  [[nodiscard]] std::uint64_t memory_bytes() const;

private:
  struct entry {
    std::string name;
    actors::version_ptr version;
    std::weak_ptr<const bool> life; ///< expires once the version's memory is given back
  };

  /// The files that a version was made of.
  using content = std::map<std::filesystem::path, io::file_stamp>;

  struct known_content {
    std::string name;
    content files;
    std::uint64_t number = 0;
  };

  [[nodiscard]] static content content_of(const io::checkpoint& checkpoint);
  [[nodiscard]] static std::string compare(const content& before, const content& now);
  [[nodiscard]] bool is_needed(const entry& one) const;
  [[nodiscard]] std::string served_before(std::size_t steps) const;
  [[nodiscard]] std::uint64_t bytes_in_memory() const;
  void leave(std::list<entry>& to, std::list<entry>::iterator one);

  /// The memory of a version that is not on the shelf any more.
  struct leftover {
    std::weak_ptr<const bool> life;
    std::uint64_t bytes = 0;
  };

  std::uint64_t memory_bytes_max_;
  std::mutex releasing_;     ///< taken before the next one, and while memory is given back
  mutable std::mutex mutex_; ///< guards what follows
  std::list<entry> entries_; ///< the least recently used first
  std::list<entry> dropped_; ///< their memory is still to be given back
  std::list<leftover> leftovers_;
  std::list<known_content> contents_; ///< of all names; the oldest is forgotten first
  std::uint64_t contents_count_ = 0;
  std::vector<std::string> history_; ///< of versions served; the present one last
};

} // namespace ckpt::apps
