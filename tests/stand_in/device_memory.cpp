// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/stand_in/device_memory.hpp"

#include "tests/stand_in/counters.hpp"
#include "tests/stand_in/settings.hpp"
#include "tests/stand_in/stand_in.hpp"

#include <cstring>
#include <random>
#include <string>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ckpt::stand_in {
namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint32_t handle_mark = 0x6b636970;

/// What a cudaIpcMemHandle_t holds.
struct shared_handle {
  std::uint32_t mark;
  std::int32_t pid;
  std::int32_t file;
  std::uint32_t unused;
  std::uint64_t bytes;
  std::uint64_t nonce; ///< also behind the memory itself: a number of a file may have been used anew
  std::array<unsigned char, 16> uuid;
};
static_assert(sizeof(shared_handle) <= sizeof(cudaIpcMemHandle_t));

std::uint64_t whole_pages(std::uint64_t bytes) { return (bytes + page_bytes - 1) / page_bytes * page_bytes; }

std::byte* map(int file, std::uint64_t bytes) {
  void* base = ::mmap(nullptr, whole_pages(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  return base == MAP_FAILED ? nullptr : static_cast<std::byte*>(base);
}

std::uint64_t new_nonce() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

/// True when the file is the memory that the handle means.
bool is_memory_of(int file, const shared_handle& handle) {
  std::uint64_t nonce = 0;
  struct stat about {};
  return ::fstat(file, &about) == 0
         && static_cast<std::uint64_t>(about.st_size) == whole_pages(handle.bytes) + sizeof nonce
         && ::pread(file, &nonce, sizeof nonce, static_cast<off_t>(whole_pages(handle.bytes)))
                == static_cast<ssize_t>(sizeof nonce)
         && nonce == handle.nonce;
}

} // namespace

device_range::~device_range() noexcept {
  ::munmap(base, whole_pages(bytes));
  ::close(file);
}

cudaError_t device_memory::allocate(int gpu, std::uint64_t bytes, void** memory) {
  const std::lock_guard lock{mutex_};
  const auto limit = configured().gpu_bytes;
  if (bytes > limit || sum_of(gpu) > limit - bytes)
    return cudaErrorMemoryAllocation;
  const int file = ::memfd_create("stand-in-gpu", MFD_CLOEXEC);
  const auto nonce = new_nonce();
  const auto end = static_cast<off_t>(whole_pages(bytes));
  auto* base = file < 0 || ::ftruncate(file, end) != 0 ? nullptr : map(file, bytes);
  if (base == nullptr || ::pwrite(file, &nonce, sizeof nonce, end) != static_cast<ssize_t>(sizeof nonce))
    undefined("no memory to simulate that of a GPU");
  *memory = add(file, base, bytes, gpu, nonce, false);
  ++counted().allocations;
  return cudaSuccess;
}

void* device_memory::add(int file, std::byte* base, std::uint64_t bytes, int gpu, std::uint64_t nonce,
                         bool is_imported) {
  auto range = std::make_shared<device_range>();
  range->file = file;
  range->base = base;
  range->bytes = bytes;
  range->gpu = gpu;
  range->nonce = nonce;
  range->is_imported = is_imported;
  ranges_.emplace(base, std::move(range));
  return base;
}

cudaError_t device_memory::free(void* memory) {
  const std::lock_guard lock{mutex_};
  const auto found = ranges_.find(static_cast<std::byte*>(memory));
  if (found == ranges_.end() || found->second->is_imported)
    return cudaErrorInvalidValue;
  if (::flock(found->second->file, LOCK_EX | LOCK_NB) != 0)
    undefined("cudaFree of memory that another process has open");
  ranges_.erase(found);
  --counted().allocations;
  return cudaSuccess;
}

cudaError_t device_memory::share(const void* memory, cudaIpcMemHandle_t& handle) const {
  const std::lock_guard lock{mutex_};
  const auto found = ranges_.find(static_cast<const std::byte*>(memory));
  if (found == ranges_.end() || found->second->is_imported)
    return cudaErrorInvalidValue;
  const auto& range = *found->second;
  const shared_handle content{handle_mark, ::getpid(),  range.file,        0,
                              range.bytes, range.nonce, uuid_of(range.gpu)};
  std::memset(&handle, 0, sizeof handle);
  std::memcpy(&handle, &content, sizeof content);
  return cudaSuccess;
}

cudaError_t device_memory::open(int gpu, const cudaIpcMemHandle_t& handle, void** memory) {
  shared_handle content;
  std::memcpy(&content, &handle, sizeof content);
  if (content.mark != handle_mark)
    return cudaErrorInvalidValue;
  if (content.pid == ::getpid())
    return cudaErrorDeviceUninitialized;
  if (content.uuid != uuid_of(gpu))
    return cudaErrorPeerAccessUnsupported;
  const std::lock_guard lock{mutex_};
  for (const auto& [base, range] : ranges_)
    if (range->is_imported && range->nonce == content.nonce) {
      ++range->openings;
      *memory = range->base;
      return cudaSuccess;
    }
  const auto path = "/proc/" + std::to_string(content.pid) + "/fd/" + std::to_string(content.file);
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return cudaErrorInvalidResourceHandle;
  auto* base = is_memory_of(file, content) && ::flock(file, LOCK_SH | LOCK_NB) == 0 ? map(file, content.bytes)
                                                                                    : nullptr;
  if (base == nullptr) {
    ::close(file);
    return cudaErrorMapBufferObjectFailed;
  }
  *memory = add(file, base, content.bytes, gpu, content.nonce, true);
  ++counted().openings;
  return cudaSuccess;
}

cudaError_t device_memory::close(void* memory) {
  const std::lock_guard lock{mutex_};
  const auto found = ranges_.find(static_cast<std::byte*>(memory));
  if (found == ranges_.end() || !found->second->is_imported)
    return cudaErrorInvalidValue;
  if (--found->second->openings == 0) {
    ranges_.erase(found);
    --counted().openings;
  }
  return cudaSuccess;
}

device_memory::range_map::const_iterator device_memory::range_around(const std::byte* address) const {
  auto found = ranges_.upper_bound(address);
  if (found == ranges_.begin())
    return ranges_.end();
  --found;
  const auto& range = *found->second;
  return address < range.base + range.bytes ? found : ranges_.end();
}

std::optional<device_place> device_memory::find(const void* memory, std::uint64_t bytes) const {
  const std::lock_guard lock{mutex_};
  const auto* address = static_cast<const std::byte*>(memory);
  const auto found = range_around(address);
  if (found == ranges_.end())
    return std::nullopt;
  const auto offset = static_cast<std::uint64_t>(address - found->second->base);
  if (bytes > found->second->bytes - offset)
    return std::nullopt;
  return device_place{found->second, offset};
}

bool device_memory::holds(const void* memory) const {
  const std::lock_guard lock{mutex_};
  return range_around(static_cast<const std::byte*>(memory)) != ranges_.end();
}

int device_memory::gpu_of(const void* memory) const {
  const std::lock_guard lock{mutex_};
  const auto found = ranges_.find(static_cast<const std::byte*>(memory));
  return found == ranges_.end() ? -1 : found->second->gpu;
}

std::uint64_t device_memory::sum_of(int gpu) const {
  std::uint64_t sum = 0;
  for (const auto& [base, range] : ranges_)
    if (range->gpu == gpu && !range->is_imported)
      sum += range->bytes;
  return sum;
}

device_memory& gpu_memory() {
  static auto* const once = new device_memory; // Never destroyed: streams outlive main().
  return *once;
}

std::array<unsigned char, 16> uuid_of(int gpu) {
  // FNV-1a over the host's name and the GPU's number on that host, once for each half.
  std::array<unsigned char, 16> uuid{};
  const auto text =
      configured().host + '/' + std::to_string(configured().visible[static_cast<std::size_t>(gpu)]);
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint64_t hash = 0xcbf29ce484222325 + half;
    for (const char letter : text)
      hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
    hash ^= hash >> 29;
    std::memcpy(uuid.data() + 8 * half, &hash, sizeof hash);
  }
  return uuid;
}

int gpu_that_holds(const void* memory, std::size_t bytes) {
  const auto place = gpu_memory().find(memory, bytes);
  return place ? place->range->gpu : -1;
}

} // namespace ckpt::stand_in
