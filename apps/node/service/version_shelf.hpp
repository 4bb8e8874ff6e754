// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The versions that a resident node knows: in memory as far as there is room, else only by their files. Any
// thread; bounded by the memory that the user allows, and by a number of versions.

#include "actors/update/update.hpp"

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <boost/json.hpp>

namespace ckpt::apps {

class version_shelf {
public:
  struct entry {
    std::string name;
    actors::version_ptr version;
    bool is_served = false; ///< by an engine, as far as is known here
  };

  /// `memory_bytes_max`: for what is kept in memory; 0 keeps nothing there.
  explicit version_shelf(std::uint64_t memory_bytes_max) : memory_bytes_max_{memory_bytes_max} {}

  [[nodiscard]] actors::version_ptr find(const std::string& name) const;

  /// Makes room in memory for `bytes`: evicts the least recently used versions, but never one that is served,
  /// nor `previous()`. False when there is not enough.
  [[nodiscard]] bool make_room(std::uint64_t bytes);

  /// How the files of version `name` differ from those that it was made of; empty when they do not, when they
  /// are gone, or when the version is not known.
  [[nodiscard]] std::string describe_change(const std::string& name) const;

  void put(const std::string& name, actors::version_ptr version);

  /// The engines serve `name` from now on.
  void serve(const std::string& name);

  /// The version that they served before; empty when it is not known.
  [[nodiscard]] std::string previous() const;
  [[nodiscard]] std::string served() const;

  /// The result of drop().
  enum class dropped : std::uint8_t { yes, unknown, is_served };
  [[nodiscard]] dropped drop(const std::string& name);

  [[nodiscard]] boost::json::array describe() const;
  [[nodiscard]] std::uint64_t memory_bytes() const;

private:
  [[nodiscard]] std::uint64_t bytes_in_memory() const;

  std::uint64_t memory_bytes_max_;
  mutable std::mutex mutex_; ///< guards what follows
  std::list<entry> entries_; ///< the least recently used first
  std::string served_;
  std::string previous_;
};

} // namespace ckpt::apps
