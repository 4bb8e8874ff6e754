// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Asks the scheduler for the affinity, and the control groups for their quota.

#include "io/usable_cores.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>
#include <thread>

#include <sched.h>

namespace ckpt::io {
namespace {

unsigned affine_cores() {
  cpu_set_t cores;
  // Refused where the kernel knows more than 1024 cores.
  if (::sched_getaffinity(0, sizeof cores, &cores) == 0)
    return static_cast<unsigned>(CPU_COUNT(&cores));
  return std::thread::hardware_concurrency();
}

std::string content(const std::filesystem::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// Microseconds; nothing for "max", -1 and no word at all.
std::optional<std::uint64_t> parse_time(const std::string& word) {
  std::uint64_t microseconds = 0;
  const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), microseconds);
  if (error != std::errc{} || rest != word.data() + word.size() || microseconds == 0)
    return std::nullopt;
  return microseconds;
}

/// The quota of one group alone.
std::optional<unsigned> quota_of(const std::filesystem::path& group, bool is_version_2) {
  std::istringstream words{is_version_2
                               ? content(group / "cpu.max")
                               : content(group / "cpu.cfs_quota_us") + content(group / "cpu.cfs_period_us")};
  std::string quota_word;
  std::string period_word;
  words >> quota_word >> period_word;
  const auto quota = parse_time(quota_word);
  const auto period = parse_time(period_word);
  if (!quota || !period)
    return std::nullopt;
  const auto cores = *quota / *period + (*quota % *period == 0 ? 0 : 1);
  return static_cast<unsigned>(std::min<std::uint64_t>(cores, std::numeric_limits<unsigned>::max()));
}

/// True when the comma-separated `controllers` have cpu among them.
bool has_cpu(std::string_view controllers) {
  return ("," + std::string{controllers} + ",").find(",cpu,") != std::string::npos;
}

} // namespace

std::optional<unsigned> quota_cores(std::string_view membership, const std::filesystem::path& root) {
  std::optional<unsigned> least;
  while (!membership.empty()) {
    const auto line = membership.substr(0, membership.find('\n'));
    membership.remove_prefix(std::min(line.size() + 1, membership.size()));
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos)
      continue;
    // number:controllers:/path, where version 2 names no controllers.
    const auto controllers = line.substr(first + 1, second - first - 1);
    const auto is_version_2 = controllers.empty();
    if (!is_version_2 && !has_cpu(controllers))
      continue;
    const auto top = is_version_2 ? root : root / "cpu";
    for (auto path = std::filesystem::path{line.substr(second + 1)};; path = path.parent_path()) {
      const auto quota = quota_of(top / path.relative_path(), is_version_2);
      if (quota)
        least = std::min(least.value_or(*quota), *quota);
      if (!path.has_relative_path())
        break;
    }
  }
  return least;
}

unsigned usable_cores() {
  const auto cores = affine_cores();
  return std::max(1u, std::min(cores, quota_cores(content("/proc/self/cgroup")).value_or(cores)));
}

} // namespace ckpt::io
