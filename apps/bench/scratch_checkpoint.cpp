// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/bench/scratch_checkpoint.hpp"

#include "apps/synthetic.hpp"
#include "io/error.hpp"

#include <cerrno>

#include <stdlib.h>

namespace ckpt::apps::bench {

scratch_checkpoint::scratch_checkpoint(const std::filesystem::path& parent) {
  auto name = (parent / "ckpt-bench-XXXXXX").native();
  if (::mkdtemp(name.data()) == nullptr)
    throw io::system_failure(errno, "mkdtemp", name);
  directory_ = name;
}

scratch_checkpoint::~scratch_checkpoint() noexcept {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void scratch_checkpoint::write_random(std::uint64_t bytes) {
  std::filesystem::remove_all(path());
  synthetic_options options;
  options.directory = path();
  options.tensors.total_bytes = bytes;
  write_checkpoint(options);
}

void scratch_checkpoint::write_headers(std::uint64_t tensors, std::uint32_t shards) {
  std::filesystem::remove_all(path());
  synthetic_options options;
  options.directory = path();
  options.tensors.tensor_count = tensors;
  options.shards = shards;
  options.data = synthetic_options::contents::sparse;
  write_checkpoint(options);
}

} // namespace ckpt::apps::bench
