// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/resources.hpp"

#include "actors/update/verdict.hpp"
#include "io/usable_memory.hpp"

#include <cstddef>
#include <cstdlib>
#include <latch>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>

namespace ckpt::apps {
namespace {

using actors::describe_bytes;

/// True when this much more address space can be had now (ulimit -v).
[[nodiscard]] bool has_room_for(std::uint64_t bytes) {
  void* const room = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED)
    return false;
  ::munmap(room, bytes);
  return true;
}

/// glibc maps so much for a thread's allocations, and unmaps half of it. A thread for which that fails shares the memory
/// of another, and says nothing: later, when the address space of the threads here is free again, one more thread would
/// take it, and leave none for the others.
constexpr std::uint64_t arena_bytes = 128 << 20;

/// Starts all of them at once. Each takes the address space that the C library keeps for a thread's
/// allocations; later threads use it again. Beside them there must be room for `memory_bytes`.
void require_threads(std::uint64_t count, std::uint64_t memory_bytes) {
  std::latch end{1};
  std::latch begun{static_cast<std::ptrdiff_t>(count)};
  std::vector<std::jthread> threads;
  memory_bytes += arena_bytes; // Room for one more shows that each thread has its own.
  bool has_room = true;
  std::error_code failed;
  try {
    for (std::uint64_t number = 0; number < count; ++number)
      threads.emplace_back([&] {
        void* volatile anything = std::malloc(1); // Volatile: otherwise it is optimized away.
        std::free(anything);
        begun.count_down();
        end.wait();
      });
    begun.wait();
    has_room = has_room_for(memory_bytes);
  } catch (const std::system_error& error) {
    failed = error.code();
  } catch (const std::bad_alloc&) {
    failed = std::make_error_code(std::errc::not_enough_memory);
  }
  end.count_down(); // In any case: their destructors join them.
  if (failed)
    throw std::runtime_error{"an update needs " + std::to_string(count)
                             + " threads here, and the kernel gives no more than "
                             + std::to_string(threads.size()) + " (" + failed.message()
                             + "): raise ulimit -u or -v, or the container's limit of processes"};
  if (!has_room)
    throw std::runtime_error{
        "an update needs " + describe_bytes(memory_bytes)
        + " of address space here beside its threads, and there is less: raise ulimit -v"};
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
  require_threads(needed.threads, needed.memory_bytes);
}

void raise_open_file_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

} // namespace ckpt::apps
