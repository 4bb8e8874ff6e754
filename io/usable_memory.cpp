// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/usable_memory.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

namespace ckpt::io {
namespace {

namespace fs = std::filesystem;

[[nodiscard]] std::string content(const fs::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// Bytes that a group counts as used and that the kernel takes back when it needs them: mostly files in the
/// page cache.
[[nodiscard]] std::uint64_t reclaimable_in(const fs::path& group) {
  std::ifstream file{group / "memory.stat"};
  std::uint64_t sum = 0;
  std::string key;
  for (std::uint64_t bytes = 0; file >> key >> bytes;)
    if (key == "inactive_file" || key == "active_file" || key == "slab_reclaimable")
      sum += bytes;
  return sum;
}

/// The number that the file begins with; nothing for "max" or no file.
[[nodiscard]] std::optional<std::uint64_t> number_in(const fs::path& path) {
  std::ifstream file{path};
  std::uint64_t number = 0;
  return file >> number ? std::optional{number} : std::nullopt;
}

void lower(std::optional<std::uint64_t>& least, std::optional<std::uint64_t> other) {
  if (other)
    least = std::min(least.value_or(*other), *other);
}

[[nodiscard]] std::optional<std::uint64_t> available_in(std::string_view meminfo) {
  constexpr std::string_view key = "MemAvailable:";
  const auto at = meminfo.find(key);
  if (at == std::string_view::npos)
    return std::nullopt;
  return std::strtoull(meminfo.data() + at + key.size(), nullptr, 10) * 1024;
}

} // namespace

std::optional<std::uint64_t> memory_left_by_groups(std::string_view membership, const fs::path& root) {
  std::optional<std::uint64_t> least;
  constexpr std::string_view version_2 = "0::/";
  const auto at = membership.starts_with(version_2) ? 0 : membership.find("\n0::/");
  if (at == std::string_view::npos)
    return least;
  const auto begin = membership.find("/", at) + 1;
  // A limit counts for all groups below it. The path is not trusted to stay below the root.
  fs::path group = root;
  std::string rest{membership.substr(begin, membership.find('\n', begin) - begin)};
  for (const auto& part : fs::path{"."} / rest) {
    if (part == "..")
      break;
    group /= part;
    const auto limit = number_in(group / "memory.max");
    const auto used = number_in(group / "memory.current");
    if (limit && used) {
      const auto kept = *used - std::min(*used, reclaimable_in(group));
      lower(least, *limit - std::min(*limit, kept));
    }
  }
  return least;
}

std::optional<std::uint64_t> usable_memory() {
  auto least = memory_left_by_groups(content("/proc/self/cgroup"), "/sys/fs/cgroup");
  lower(least, available_in(content("/proc/meminfo")));
  return least;
}

} // namespace ckpt::io
