// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/resources.hpp"

#include "actors/update/verdict.hpp"
#include "io/usable_memory.hpp"

#include <exception>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>

namespace ckpt::apps {
namespace {

using actors::describe_bytes;

void require_threads(std::uint64_t count) {
  std::latch end{1};
  std::vector<std::jthread> threads;
  std::string why;
  try {
    for (std::uint64_t number = 0; number < count; ++number)
      threads.emplace_back([&] { end.wait(); });
  } catch (const std::exception& error) {
    why = error.what();
  }
  end.count_down(); // Whatever happened: they are joined when they are destroyed.
  if (!why.empty())
    throw std::runtime_error{"an update needs " + std::to_string(count)
                             + " threads here, and the kernel gives no more than "
                             + std::to_string(threads.size()) + " (" + why
                             + "): raise ulimit -u or -v, or the container's limit of processes"};
}

void require_descriptors(std::uint64_t count) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < count)
    throw std::runtime_error{"an update needs " + std::to_string(count)
                             + " open files here, and no more than " + std::to_string(limit.rlim_cur)
                             + " are allowed: raise ulimit -n"};
}

void require_memory(std::uint64_t bytes) {
  const auto usable = io::usable_memory();
  if (usable && *usable < bytes)
    throw std::runtime_error{
        "an update needs " + describe_bytes(bytes) + " of memory here, and there are "
        + describe_bytes(*usable)
        + " left: lower --host-memory or --bucket-size, or use fewer devices of host memory"};
}

} // namespace

void require_resources(const needed_resources& needed) {
  require_memory(needed.memory_bytes);
  require_descriptors(needed.descriptors);
  require_threads(needed.threads);
}

void raise_open_file_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

} // namespace ckpt::apps
