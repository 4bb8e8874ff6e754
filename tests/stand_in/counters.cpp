// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/stand_in/counters.hpp"

#include "tests/stand_in/settings.hpp"
#include "tests/stand_in/stand_in.hpp"

#include <fstream>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ckpt::stand_in {
namespace {

counters* map_report(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ::ftruncate(file, sizeof(counters)) != 0)
    undefined(("STAND_IN_REPORT: cannot write " + path).c_str());
  void* base = ::mmap(nullptr, sizeof(counters), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (base == MAP_FAILED)
    undefined(("STAND_IN_REPORT: cannot map " + path).c_str());
  return static_cast<counters*>(base); // Zeros, or what earlier processes counted: both are valid.
}

} // namespace

counters& counted() {
  static auto* const once = configured().report.empty() ? new counters{} : map_report(configured().report);
  return *once;
}

statistics current_statistics() {
  const auto& from = counted();
  return {from.registered_bytes, from.pageable_bytes, from.vanished_bytes,
          from.allocations,      from.registrations,  from.openings,
          from.communicators,    from.contexts,       from.registrations_ever};
}

void count_communicator() { ++counted().communicators; }

statistics read_report(const std::filesystem::path& file) {
  statistics found;
  static_assert(sizeof found == sizeof(counters), "one field for each counter, in the same order");
  std::ifstream{file, std::ios::binary}.read(reinterpret_cast<char*>(&found), sizeof found);
  return found;
}

} // namespace ckpt::stand_in
