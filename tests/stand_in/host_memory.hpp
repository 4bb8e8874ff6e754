// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which host memory is registered. What may be registered is found out from the kernel: whether it is mapped,
// writable, and has a page behind each of its addresses.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <cuda_runtime_api.h>

namespace ckpt::stand_in {

/// What is mapped at one address: a file and a place in it, or nothing but memory.
struct origin {
  std::string file; ///< device and inode
  std::uint64_t offset = 0;
  bool operator==(const origin&) const = default;
};

struct registration {
  const std::byte* begin = nullptr;
  const std::byte* end = nullptr;
  origin first{}; ///< of its first page, when it was registered
  origin last{};
};

/// Of a range of host memory that is to be copied.
struct host_range {
  enum class kind : std::uint8_t {
    pageable,
    registered,
    straddling, ///< in part registered, or in two registrations
  };
  kind is = kind::pageable;
  std::shared_ptr<const registration> held; ///< who has this is using the registration
};

class host_memory {
public:
  [[nodiscard]] cudaError_t add(const void* memory, std::uint64_t bytes, unsigned flags);
  [[nodiscard]] cudaError_t remove(const void* memory);
  /// Memory that is registered as long as it lives.
  [[nodiscard]] cudaError_t allocate(std::uint64_t bytes, void** memory);
  [[nodiscard]] cudaError_t free(void* memory);

  [[nodiscard]] host_range look_up(const void* memory, std::uint64_t bytes) const;

private:
  mutable std::mutex mutex_;
  std::map<const std::byte*, std::shared_ptr<const registration>> registered_; ///< by their first byte
  std::map<void*, std::uint64_t> allocated_;                                   ///< bytes by address
};

/// That of this process.
[[nodiscard]] host_memory& known_host_memory();

/// True when something is mapped here, which need not have a page.
[[nodiscard]] bool is_mapped(const std::byte* address);

} // namespace ckpt::stand_in
