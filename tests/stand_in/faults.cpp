// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What tests let fail.

#include "tests/stand_in/settings.hpp"
#include "tests/stand_in/stand_in.hpp"

#include <atomic>

#include <unistd.h>

namespace ckpt::stand_in {
namespace {

/// Counts down to the operation that fails.
class countdown {
public:
  void set(unsigned count) { left_ = count; }

  [[nodiscard]] bool is_over() {
    auto left = left_.load();
    while (left > 0 && !left_.compare_exchange_weak(left, left - 1)) {
    }
    return left == 1;
  }

private:
  std::atomic<unsigned> left_ = 0;
};

countdown copies;
countdown broadcasts;
std::atomic<bool> aborts_hang = false;

} // namespace

void fail_copy(unsigned count) { copies.set(count); }
void fail_broadcast(unsigned count) { broadcasts.set(count); }
void hang_aborts(bool hang) {
  aborts_hang = hang;
  aborts_hang.notify_all();
}
bool is_copy_to_fail() { return copies.is_over(); }
bool is_broadcast_to_fail() {
  static std::atomic<std::uint64_t> begun = 0;
  return ++begun == configured().refused_broadcast || broadcasts.is_over();
}
bool is_broadcast_to_get_stuck() {
  static const auto first = configured().stuck_broadcast;
  static std::atomic<std::uint64_t> begun = 0;
  return first != 0 && ++begun == first;
}
void wait_while_aborts_hang() { aborts_hang.wait(true); }
void hang_for_ever() {
  while (true)
    ::pause();
}

} // namespace ckpt::stand_in
