// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Any index is either refused with a checkpoint_error or names files inside its directory, sorted, each with
// tensors of its own.

#include "io/checkpoint/checkpoint_index.hpp"
#include "io/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

using namespace ckpt::io;

namespace {

void require(bool condition) {
  if (!condition)
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    std::set<std::string> tensors;
    std::string previous;
    const auto files = parse_checkpoint_index({reinterpret_cast<const char*>(data), size}, "fuzz");
    require(!files.empty());
    for (const auto& file : files) {
      require(previous < file.name);
      const std::filesystem::path path{file.name};
      require(path.is_relative() && path.lexically_normal() == path && *path.begin() != "..");
      require(!file.tensors.empty());
      for (const auto& tensor : file.tensors)
        require(tensors.insert(tensor).second);
      previous = file.name;
    }
  } catch (const checkpoint_error&) {
    // Refused: any other exception ends the run.
  }
  return 0;
}
