// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of the sink need on the other side: a checkpoint of five small tensors, a pusher made by
// hand, an HTTP client, and a sink that runs on a thread of its own.

#include "apps/sink/engine.hpp"
#include "apps/sink/options.hpp"
#include "apps/sink/report.hpp"
#include "io/http/http_call.hpp"
#include "io/http/http_server.hpp"
#include "tests/support/temporary_directory.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/json/value.hpp>
#include <zmq.hpp>

namespace ckpt::tests {

/// Longest wait of a test for something that must come.
inline constexpr std::chrono::seconds patience{30};

/// A tensor as a test sends it: place and description may be told wrongly on purpose.
struct sample_tensor {
  std::string name;
  std::string torch_dtype;
  std::vector<std::uint64_t> shape;
  std::string bytes;
  std::uint64_t offset = 0; ///< in the shared buffer
};

/// A directory with `model.safetensors`, its tensors, and the file that a pusher shares.
class sample_checkpoint {
public:
  /// The five tensors have these names, whatever those say of them.
  explicit sample_checkpoint(const std::array<std::string, 5>& names = {"a.weight", "b.weight", "c.scale",
                                                                        "d.empty", "e.weight"});

  [[nodiscard]] const temporary_directory& directory() const { return directory_; }
  [[nodiscard]] std::string path() const { return directory_.path() / "model.safetensors"; }
  [[nodiscard]] const std::vector<sample_tensor>& tensors() const { return tensors_; }

  /// The buffer file with all tensors at their offsets, made anew.
  [[nodiscard]] std::string buffer_path() const;
  [[nodiscard]] std::uint64_t buffer_bytes() const;

private:
  temporary_directory directory_;
  std::vector<sample_tensor> tensors_;
};

/// The pusher's end of one weight channel: the REQ socket that the protocol names.
class hand_pusher {
public:
  hand_pusher();

  /// Takes the place of one that is gone.
  explicit hand_pusher(std::string address);

  [[nodiscard]] const std::string& address() const { return address_; }

  /// Sends a message and returns the reply. Throws std::runtime_error when none comes within `patience`.
  std::string ask(const std::string& message);

  void send(const std::string& message);

  /// The reply, or nothing when none comes within `timeout`.
  std::optional<std::string> reply(std::chrono::milliseconds timeout);

  /// True when a worker has connected, so that a message could leave.
  [[nodiscard]] bool connected() { return (socket_.get(zmq::sockopt::events) & ZMQ_POLLOUT) != 0; }

  /// Closes the socket, as a pusher does that dies.
  void close() { socket_.close(); }

private:
  zmq::context_t context_{1};
  zmq::socket_t socket_{context_, zmq::socket_type::req};
  std::string address_;
};

[[nodiscard]] std::string list_message(const std::vector<sample_tensor>& tensors);

/// Handle, one list for each tensor, None, None; the replies in order.
std::vector<std::string> push_all(hand_pusher& pusher, const sample_checkpoint& source);

/// What an HTTP call came to: an error, or a response.
struct http_result {
  std::error_code error;
  io::http_response response;
};

class running_sink {
public:
  explicit running_sink(apps::sink::sink_options options);
  ~running_sink();

  [[nodiscard]] io::http_endpoint endpoint() const;

  [[nodiscard]] http_result request(io::http_request::verb method, const std::string& target,
                                    const std::string& body = {}, const std::string& bearer_key = {},
                                    std::chrono::milliseconds timeout = patience) const;
  [[nodiscard]] http_result get(const std::string& target, const std::string& key = {}) const {
    return request(io::http_request::verb::get, target, {}, key);
  }
  [[nodiscard]] http_result post(const std::string& target, const std::string& body = "{}",
                                 const std::string& key = {}) const {
    return request(io::http_request::verb::post, target, body, key);
  }

  /// A request whose answer is not waited for here.
  [[nodiscard]] std::future<http_result> start_post(const std::string& target, const std::string& body,
                                                    std::chrono::milliseconds timeout = patience) const;

  /// Starts an update over HTTP with SGLang's and LMDeploy's body.
  [[nodiscard]] std::future<http_result> start_update(const std::vector<hand_pusher*>& pushers,
                                                      const std::string& version = "v1",
                                                      std::chrono::milliseconds timeout = patience) const;

  /// Waits for the sink to end by itself.
  int wait();

private:
  apps::sink::sink_options options_;
  boost::asio::io_context io_{1};
  apps::sink::report report_;
  apps::sink::engine engine_;
  io::http_server server_;
  std::thread thread_;
};

/// The body of an update request to SGLang or LMDeploy.
[[nodiscard]] std::string update_body(const std::vector<hand_pusher*>& pushers, const std::string& version,
                                      bool flush_cache = true);

} // namespace ckpt::tests
