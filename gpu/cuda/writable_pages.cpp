// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/writable_pages.hpp"

#include <cerrno>
#include <system_error>

#include <sys/mman.h>

namespace ckpt::gpu {

writable_pages::writable_pages(std::span<const std::byte> pages)
    : pages_{const_cast<std::byte*>(pages.data()), pages.size()} {
  if (::mprotect(pages_.data(), pages_.size(), PROT_READ | PROT_WRITE) != 0)
    throw std::system_error{errno, std::generic_category(), "mprotect"};
  // Pages that are there need no fault when they are pinned for writing, which would count as a modification.
  if (::madvise(pages_.data(), pages_.size(), MADV_POPULATE_READ) != 0) {
    const int failure = errno;
    static_cast<void>(::mprotect(pages_.data(), pages_.size(), PROT_READ));
    throw std::system_error{failure, std::generic_category(), "madvise"};
  }
}

writable_pages::~writable_pages() noexcept {
  static_cast<void>(::mprotect(pages_.data(), pages_.size(), PROT_READ));
}

} // namespace ckpt::gpu
