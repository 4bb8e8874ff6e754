// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The other side of the gate: connects to another host's port, shows a certificate where there are
// certificates, greets, and returns the connection's local end, which is for CAF.
//
// One thread of its own does everything that waits; every wait has a deadline. One call at a time.

#include "actors/cluster/tls_identity.hpp"
#include "io/fd.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ckpt::actors {

/// How a call ended.
struct call_result {
  std::shared_ptr<io::fd> line; ///< CAF's end of the connection; null when there is none
  bool is_answered = false;     ///< without a line: somebody answered, but did not let us in
  std::string why;              ///< without a line: what went wrong
};

struct call_times {
  std::chrono::milliseconds lookup_max{10'000};
  std::chrono::milliseconds connect_max{2'000}; ///< for each address of the name
  std::chrono::milliseconds greeting_max{5'000};
};

class caller {
public:
  using call_ended = std::function<void(call_result)>;

  /// Throws std::system_error that names a certificate that cannot be used.
  explicit caller(const std::optional<tls_identity>& tls, const call_times& times = {});
  caller(const caller&) = delete;
  caller& operator=(const caller&) = delete;

  /// Closes, and waits until the connection has ended.
  ~caller();

  /// `ended` is called once, on this object's thread, unless close() or another call comes first.
  void call(const std::string& name, std::uint16_t port, call_ended ended);

  /// Once this returns, no `ended` is called any more, and none is kept. An established connection has a
  /// second to send what CAF has written; then it is cut off. Not from this object's thread.
  void close();

private:
  class switchboard;
  std::unique_ptr<switchboard> board_;
};

} // namespace ckpt::actors
