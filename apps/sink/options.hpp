// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The checked options of ckpt-sink. Immutable once parsed; any thread may read them.

#include "apps/sink/fault.hpp"
#include "io/engine/engine_api.hpp"
#include "io/http/endpoint.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ckpt::apps::sink {

/// The work of a worker on the tensors of a list before it agrees.
enum class consumption : std::uint8_t {
  copy,  ///< copies every byte, as an engine's load_weights does
  touch, ///< reads one byte of every page
  none,
  hold,       ///< keeps a copy of every tensor, and can report their checksums
  fuse,       ///< copies, and loses tensors that come without their other half; see tensor_pairs.hpp
  held_views, ///< copies, but reads some tensors only when their other half comes
};

/// The time at which the engine reports ready, and its description of itself. Only SGLang has all of them; the
/// others are always healthy.
enum class readiness : std::uint8_t {
  pings_at_once, ///< SGLang up to 0.5.21: /ping is 200 at once, /health after the first weights
  waits,         ///< SGLang 0.5.23: both after the first weights
  old,           ///< like the first, without /model_info and /server_info: only /get_model_info and its like
  serves,        ///< started with weights: ready at once
};

struct sink_options {
  io::engine_kind engine = io::engine_kind::sglang;
  unsigned workers = 1;                     ///< on this host
  bool worker_processes = false;            ///< each of them is a process of its own
  std::optional<unsigned> as_worker;        ///< this process is only that worker
  std::string program = "/proc/self/exe";   ///< the executable of worker processes
  std::vector<std::string> arguments;       ///< of this command line, for worker processes
  std::vector<io::http_endpoint> followers; ///< each with as many workers
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string unix_socket_path; ///< if set, used instead of host and port
  std::string port_file;
  std::string verify_path;
  std::string report_path;
  std::string api_key;
  std::string admin_api_key;
  consumption consume = consumption::copy;
  double worker_seconds_per_gib = 0;
  std::chrono::milliseconds ready_after{0};
  std::chrono::milliseconds timeout{300'000}; ///< of every single wait
  readiness ready = readiness::pings_at_once;
  std::optional<std::chrono::milliseconds> dummy_after; ///< reports ready without weights after this time
  bool unforgiving = false; ///< an update outlives its client, and a worker its pusher, as with real engines
  std::optional<std::uint64_t> updates; ///< end after so many good updates or a failed one
  bool starts_asleep = false;
  fault_plan faults;
  std::optional<std::uint64_t> fault_updates; ///< only this many updates misbehave; absent: all

  /// How long a worker waits for its pusher; absent: for ever.
  [[nodiscard]] std::optional<std::chrono::milliseconds> patience() const {
    return unforgiving ? std::nullopt : std::optional{timeout};
  }
};

/// Either options, or the exit status after --help or a usage error, which has been printed.
[[nodiscard]] std::variant<sink_options, int> parse_command_line(int argc, const char* const* argv);

} // namespace ckpt::apps::sink
