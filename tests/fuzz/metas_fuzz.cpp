// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Any text is either refused with a std::invalid_argument that names the file, or gives hosts that can be reached,
// each once, and a file that comes back when it is written.

#include "io/plan/metas_file.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

using namespace ckpt::io;

namespace {

void require(bool condition) {
  if (!condition)
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  metas read;
  try {
    read = parse_metas({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const std::invalid_argument& error) {
    // Refused: any other exception ends the run.
    require(std::string_view{error.what()}.starts_with("fuzz: "));
    return 0;
  }
  require(!read.hosts.empty());
  require(read.secret.size() >= 16);
  std::set<std::pair<std::string, std::uint16_t>> places;
  for (const auto& host : read.hosts) {
    require(!host.address.empty() && host.port != 0);
    require(places.emplace(host.address, host.port).second);
  }
  require(parse_metas(serialize(read), "fuzz") == read);
  return 0;
}
