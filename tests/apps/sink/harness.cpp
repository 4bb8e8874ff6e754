// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/apps/sink/harness.hpp"

#include "io/engine/pickle_writer.hpp"
#include "tests/support/safetensors_text.hpp"

#include <atomic>
#include <stdexcept>

#include <boost/json.hpp>

#include <unistd.h>

namespace ckpt::tests {
namespace {

/// Bytes that differ from tensor to tensor and from place to place.
std::string pattern(std::size_t length, unsigned salt) {
  std::string bytes;
  for (std::size_t index = 0; index < length; ++index)
    bytes.push_back(static_cast<char>((index * 31 + salt * 17 + 1) & 0xff));
  return bytes;
}

} // namespace

sample_checkpoint::sample_checkpoint(const std::array<std::string, 5>& names) {
  struct row {
    std::string name;
    const char *dtype, *torch_dtype, *shape_text;
    std::vector<std::uint64_t> shape;
    std::size_t bytes;
  };
  const std::vector<row> rows{{names[0], "F32", "float32", "[2,3]", {2, 3}, 24},
                              {names[1], "BF16", "bfloat16", "[5]", {5}, 10},
                              {names[2], "U8", "uint8", "[]", {}, 1},
                              {names[3], "I64", "int64", "[0,7]", {0, 7}, 0},
                              {names[4], "F8_E4M3", "float8_e4m3fn", "[4,4]", {4, 4}, 16}};
  std::string header = "{";
  std::string data;
  for (const auto& each : rows) {
    const auto begin = data.size();
    const auto bytes = pattern(each.bytes, static_cast<unsigned>(tensors_.size()));
    data += bytes;
    header += (header.size() > 1 ? "," : "")
              + entry(each.name, each.dtype, each.shape_text,
                      "[" + std::to_string(begin) + "," + std::to_string(data.size()) + "]");
    tensors_.push_back({each.name, each.torch_dtype, each.shape, bytes, 256 * tensors_.size()});
  }
  header += "}";
  (void)directory_.write("model.safetensors", length_field(header.size()) + header + data);
}

std::uint64_t sample_checkpoint::buffer_bytes() const { return 256 * tensors_.size(); }

std::string sample_checkpoint::buffer_path() const {
  std::string buffer(buffer_bytes(), '\0');
  for (const auto& tensor : tensors_)
    buffer.replace(tensor.offset, tensor.bytes.size(), tensor.bytes);
  return directory_.write("buffer", buffer);
}

namespace {

std::string fresh_address() {
  static std::atomic<unsigned> serial{0};
  return "ipc://@ckpt-sink-test-" + std::to_string(::getpid()) + "-" + std::to_string(++serial);
}

} // namespace

hand_pusher::hand_pusher() : hand_pusher{fresh_address()} {}

hand_pusher::hand_pusher(std::string address) : address_{std::move(address)} {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind(address_);
}

void hand_pusher::send(const std::string& message) {
  socket_.set(zmq::sockopt::sndtimeo, static_cast<int>(std::chrono::milliseconds{patience}.count()));
  if (!socket_.send(zmq::buffer(message), zmq::send_flags::none))
    throw std::runtime_error{"no worker has connected"};
}

std::optional<std::string> hand_pusher::reply(std::chrono::milliseconds timeout) {
  socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(timeout.count()));
  zmq::message_t message;
  if (!socket_.recv(message))
    return std::nullopt;
  return message.to_string();
}

std::string hand_pusher::ask(const std::string& message) {
  send(message);
  if (auto answer = reply(patience))
    return *std::move(answer);
  throw std::runtime_error{"the worker does not reply"};
}

std::string list_message(const std::vector<sample_tensor>& tensors) {
  std::vector<io::listed_tensor> listed;
  for (const auto& tensor : tensors)
    listed.push_back({tensor.name, tensor.torch_dtype, tensor.shape, tensor.offset});
  return io::pickle_tensor_list(listed);
}

std::vector<std::string> push_all(hand_pusher& pusher, const sample_checkpoint& source) {
  std::vector<std::string> replies{
      pusher.ask(io::pickle_file_handle(source.buffer_path(), source.buffer_bytes()))};
  for (const auto& tensor : source.tensors())
    replies.push_back(pusher.ask(list_message({tensor})));
  replies.push_back(pusher.ask(io::pickle_none()));
  replies.push_back(pusher.ask(io::pickle_none()));
  return replies;
}

std::string update_body(const std::vector<hand_pusher*>& pushers, const std::string& version,
                        bool flush_cache) {
  boost::json::object handles;
  for (std::size_t index = 0; index < pushers.size(); ++index)
    handles["GPU-" + std::to_string(index)] = pushers[index]->address();
  return boost::json::serialize(boost::json::object{
      {"zmq_handles", handles}, {"flush_cache", flush_cache}, {"weight_version", version}});
}

running_sink::running_sink(apps::sink::sink_options options)
    : options_{std::move(options)}, report_{options_},
      engine_{io_, options_,
              options_.verify_path.empty()
                  ? nullptr
                  : std::make_shared<const apps::sink::expectation>(options_.verify_path),
              report_},
      server_{apps::sink::listen(io_, options_, engine_)}, thread_{[this] { io_.run(); }} {}

running_sink::~running_sink() {
  io_.stop();
  if (thread_.joinable())
    thread_.join();
}

int running_sink::wait() {
  thread_.join();
  return engine_.exit_status();
}

io::http_endpoint running_sink::endpoint() const {
  return options_.unix_socket_path.empty()
             ? io::parse_endpoint(server_.address(), {})
             : io::parse_endpoint("http://localhost", options_.unix_socket_path);
}

http_result running_sink::request(io::http_request::verb method, const std::string& target,
                                  const std::string& body, const std::string& bearer_key,
                                  std::chrono::milliseconds timeout) const {
  io::http_call call{endpoint(), {method, target, body}, bearer_key, timeout};
  while (!call.wait(std::chrono::milliseconds{100})) {
  }
  return {call.error(), call.error() ? io::http_response{} : call.response()};
}

std::future<http_result> running_sink::start_update(const std::vector<hand_pusher*>& pushers,
                                                    const std::string& version,
                                                    std::chrono::milliseconds timeout) const {
  return start_post("/update_weights_from_ipc", update_body(pushers, version), timeout);
}

std::future<http_result> running_sink::start_post(const std::string& target, const std::string& body,
                                                  std::chrono::milliseconds timeout) const {
  return std::async(std::launch::async, [this, target, body, timeout] {
    return request(io::http_request::verb::post, target, body, {}, timeout);
  });
}

} // namespace ckpt::tests
