// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/guarded_copy.hpp"

#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <system_error>

namespace ckpt::gpu {
namespace {

// A signal handler has no other way to find what its thread is doing. Volatile, because the compiler sees
// nobody read it between the two stores around the copy.
thread_local sigjmp_buf* volatile return_point = nullptr;

void on_bus_error(int signal_number) {
  if (return_point != nullptr)
    siglongjmp(*return_point, 1);
  // Not ours: die as if there were no handler. The signal comes again when this function returns.
  std::signal(signal_number, SIG_DFL);
}

} // namespace

void install_fault_guard() {
  struct sigaction action {};
  action.sa_handler = on_bus_error;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGBUS, &action, nullptr) != 0)
    throw std::system_error{errno, std::generic_category(), "sigaction SIGBUS"};
}

bool guarded_copy(void* destination, const void* source, std::size_t length) noexcept {
  sigjmp_buf here;
  if (sigsetjmp(here, 0) != 0) {
    return_point = nullptr;
    // The handler was left by a jump, so its signal is still blocked. Saving the mask with every jump point
    // would cost a system call for each copy; this costs one for each failure.
    sigset_t bus_error;
    sigemptyset(&bus_error);
    sigaddset(&bus_error, SIGBUS);
    pthread_sigmask(SIG_UNBLOCK, &bus_error, nullptr);
    return false;
  }
  return_point = &here;
  std::memcpy(destination, source, length);
  return_point = nullptr;
  return true;
}

} // namespace ckpt::gpu
