// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One thread that serves all connections between hosts on this host, and the bridges from them to CAF:
//
//   other host <══ TCP, TLS ══> secured_stream <── 64 KiB each way ──> socket pair <══> CAF
//
// So CAF sees only local connections, and knows nothing of TLS or of strangers. A bridge reads more from one
// side only when the other side has taken the last bytes: back-pressure reaches the slow side's peer. When
// one side ends, the other gets the end of the stream, and the bridge ends within a second.
//
// Bounds: three descriptors and 128 KiB for each bridge; as many bridges as the owner makes. CAF allocates
// memory for one message from each peer: a bridge ends before CAF hears of one longer than 64 MiB.

#include "actors/cluster/secured_stream.hpp"
#include "io/fd.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_set>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace ckpt::actors {

class network_thread {
public:
  network_thread();
  network_thread(const network_thread&) = delete;
  network_thread& operator=(const network_thread&) = delete;
  ~network_thread() noexcept;

  /// Handlers of this context run on the thread.
  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }

  /// Runs `work` on the thread and returns when it has run. Not from the thread itself.
  void run(const std::function<void()>& work);

  /// On the thread only. Returns CAF's end. Throws std::system_error for lack of descriptors.
  [[nodiscard]] io::fd bridge(std::unique_ptr<secured_stream> stream);

  /// On the thread only.
  [[nodiscard]] std::size_t bridges() const noexcept { return bridges_.size(); }

  /// On the thread only. From now on bridges have a second to end by themselves, which they do once CAF has
  /// closed its ends and its last bytes are sent. The others are cut off then, because CAF might wait for a
  /// peer that takes nothing.
  void end_bridges_soon();

  /// Ends the thread once all bridges have ended. Not from the thread itself; may be called again.
  void finish() noexcept;

private:
  class bridge_between;

  void serve();
  void stop_if_idle();

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::unordered_set<std::shared_ptr<bridge_between>> bridges_;
  boost::asio::steady_timer patience_{io_}; ///< the time limit for bridges that do not end
  bool is_ending_ = false;
  bool is_finishing_ = false;
  std::thread thread_;
};

} // namespace ckpt::actors
