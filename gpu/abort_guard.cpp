// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/abort_guard.hpp"

#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <system_error>

namespace ckpt::gpu {
namespace {

// A signal handler has no other way to find what its thread is doing.
thread_local sigjmp_buf* volatile return_point = nullptr;

void on_abort(int) {
  if (return_point != nullptr)
    siglongjmp(*return_point, 1);
  // Not ours: abort() itself ends the process when its handler returns.
}

} // namespace

void install_abort_guard() {
  struct sigaction action {};
  action.sa_handler = on_abort;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGABRT, &action, nullptr) != 0)
    throw std::system_error{errno, std::generic_category(), "sigaction SIGABRT"};
}

bool survives_abort(void (*action)(void*), void* argument) noexcept {
  sigjmp_buf here;
  if (sigsetjmp(here, 0) != 0) {
    return_point = nullptr;
    // The handler was left by a jump, so its signal is still blocked.
    sigset_t aborted;
    sigemptyset(&aborted);
    sigaddset(&aborted, SIGABRT);
    pthread_sigmask(SIG_UNBLOCK, &aborted, nullptr);
    return false;
  }
  return_point = &here;
  action(argument);
  return_point = nullptr;
  return true;
}

} // namespace ckpt::gpu
