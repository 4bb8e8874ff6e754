// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/stand_in/host_memory.hpp"

#include "tests/stand_in/counters.hpp"
#include "tests/stand_in/settings.hpp"
#include "tests/stand_in/stand_in.hpp"

#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace ckpt::stand_in {
namespace {

constexpr std::uintptr_t page_bytes = 4096;

std::uintptr_t number(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

/// The pages that hold [begin, end): the driver locks whole ones.
std::pair<std::uintptr_t, std::uintptr_t> pages_of(const registration& range) {
  return {number(range.begin) / page_bytes * page_bytes,
          (number(range.end) + page_bytes - 1) / page_bytes * page_bytes};
}

enum class access : std::uint8_t { none, read, write };

struct mapped {
  access least = access::none; ///< what this process may do everywhere in it
  origin first;
  origin last;
};

/// What is mapped in the pages [begin, end).
mapped look(std::uintptr_t begin, std::uintptr_t end) {
  mapped found{access::write, {}, {}};
  const auto last_page = end - page_bytes;
  std::ifstream maps{"/proc/self/maps"};
  auto next = begin;
  for (std::string line; next < end && std::getline(maps, line);) {
    unsigned long from = 0;
    unsigned long to = 0;
    unsigned long offset = 0;
    char rights[5] = {};
    char device[16] = {};
    char inode[24] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %lx %15s %23s", &from, &to, rights, &offset, device, inode)
            != 6
        || to <= next)
      continue;
    if (from > next || rights[0] != 'r')
      return {};
    if (rights[1] != 'w')
      found.least = access::read;
    const auto origin_of = [&](std::uintptr_t page) {
      const bool is_file = std::string_view{inode} != "0";
      return origin{std::string{device} + ' ' + inode, is_file ? offset + (page - from) : 0};
    };
    if (next == begin)
      found.first = origin_of(begin);
    if (last_page < to)
      found.last = origin_of(last_page);
    next = to;
  }
  return next < end ? mapped{} : found;
}

/// True when every page can be read, which those beyond the end of a file cannot. The kernel reads one byte
/// of each, because it answers with an error where this process would get a signal. Called directly: a
/// sanitizer would object to what lies between the bytes that the program may use.
bool has_every_page(std::uintptr_t begin, std::uintptr_t end) {
  static const int scratch = ::memfd_create("stand-in-probe", MFD_CLOEXEC);
  std::vector<iovec> bytes;
  for (auto page = begin; page < end;) {
    bytes.clear();
    for (; page < end && bytes.size() < 1024; page += page_bytes)
      bytes.push_back({reinterpret_cast<void*>(page), 1});
    if (::syscall(SYS_pwritev, scratch, bytes.data(), bytes.size(), 0, 0) != static_cast<long>(bytes.size()))
      return false;
  }
  return true;
}

} // namespace

cudaError_t host_memory::add(const void* memory, std::uint64_t bytes, unsigned flags) {
  if (memory == nullptr || bytes == 0 || (flags & ~cudaHostRegisterPortable) != 0)
    return cudaErrorInvalidValue;
  const auto* begin = static_cast<const std::byte*>(memory);
  registration range{begin, begin + bytes};
  const auto [first, end] = pages_of(range);
  const auto there = look(first, end);
  if (there.least != access::write || !has_every_page(first, end))
    return cudaErrorInvalidValue;
  range.first = there.first;
  range.last = there.last;
  const std::lock_guard lock{mutex_};
  for (const auto& [known, other] : registered_)
    if (const auto [other_first, other_end] = pages_of(*other); first < other_end && other_first < end)
      return cudaErrorHostMemoryAlreadyRegistered;
  registered_.emplace(begin, std::make_shared<const registration>(std::move(range)));
  ++counted().registrations;
  ++counted().registrations_ever;
  return cudaSuccess;
}

cudaError_t host_memory::remove(const void* memory) {
  const std::lock_guard lock{mutex_};
  const auto found = registered_.find(static_cast<const std::byte*>(memory));
  if (found == registered_.end())
    return cudaErrorHostMemoryNotRegistered;
  if (found->second.use_count() > 1)
    undefined("cudaHostUnregister of memory that a copy is using");
  const auto [first, end] = pages_of(*found->second);
  const auto there = look(first, end);
  if (there.least == access::none || there.first != found->second->first || there.last != found->second->last)
    undefined("cudaHostUnregister of memory that was unmapped before: copies took what used to be there");
  registered_.erase(found);
  --counted().registrations;
  return cudaSuccess;
}

cudaError_t host_memory::allocate(std::uint64_t bytes, void** memory) {
  void* made = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED)
    return cudaErrorMemoryAllocation;
  if (const auto status = add(made, bytes, cudaHostRegisterPortable); status != cudaSuccess) {
    ::munmap(made, bytes);
    return status;
  }
  const std::lock_guard lock{mutex_};
  allocated_.emplace(made, bytes);
  *memory = made;
  return cudaSuccess;
}

cudaError_t host_memory::free(void* memory) {
  std::uint64_t bytes = 0;
  {
    const std::lock_guard lock{mutex_};
    const auto found = allocated_.find(memory);
    if (found == allocated_.end())
      return cudaErrorInvalidValue;
    bytes = found->second;
    allocated_.erase(found);
  }
  const auto status = remove(memory);
  ::munmap(memory, bytes);
  return status;
}

host_range host_memory::look_up(const void* memory, std::uint64_t bytes) const {
  const std::lock_guard lock{mutex_};
  const auto* begin = static_cast<const std::byte*>(memory);
  const auto* end = begin + bytes;
  auto next = registered_.lower_bound(end); // The first that starts behind the range.
  if (next == registered_.begin())
    return {};
  const auto& last = std::prev(next)->second;
  if (last->end <= begin)
    return {};
  if (last->begin <= begin && end <= last->end)
    return {host_range::kind::registered, last};
  return {host_range::kind::straddling, nullptr};
}

bool is_mapped(const std::byte* address) {
  const auto page = number(address) / page_bytes * page_bytes;
  return look(page, page + page_bytes).least != access::none;
}

host_memory& known_host_memory() {
  static auto* const once = new host_memory; // Never destroyed: streams outlive main().
  return *once;
}

} // namespace ckpt::stand_in
