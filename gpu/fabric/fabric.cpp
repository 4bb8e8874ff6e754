// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/fabric/fabric.hpp"

#include "gpu/abort_guard.hpp"

#include <array>
#include <cstdlib>
#include <mutex>
#include <type_traits>
#include <utility>

#include <poll.h>
#include <ucp/api/ucp.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// A forced close only cancels; the peer has no say in it.
constexpr auto close_wait = 1000ms;
constexpr auto drain_wait = 1000ms;

void check(ucs_status_t status, const std::string& call) {
  if (status != UCS_OK)
    throw fabric_error{call + ": " + ucs_status_string(status)};
}

struct release_config {
  void operator()(ucp_config_t* config) const noexcept { ucp_config_release(config); }
};
using config_pointer = std::unique_ptr<ucp_config_t, release_config>;

/// Over TCP the data comes in pieces of this size: UCX's own 64 KiB leave half of the speed unused. UCX takes
/// an option of a transport only from the environment. A value that the user has set there stays.
void widen_tcp_segments() {
  static std::once_flag once;
  std::call_once(once, [] { ::setenv("UCX_TCP_RX_SEG_SIZE", "256k", 0); });
}

config_pointer read_config(const fabric_options& options) {
  widen_tcp_segments();
  ucp_config_t* read = nullptr;
  check(ucp_config_read(nullptr, nullptr, &read), "ucp_config_read");
  config_pointer config{read};
  const auto set = [&](const char* name, const std::string& value) {
    check(ucp_config_modify(config.get(), name, value.c_str()), std::string{"set UCX_"} + name + "=" + value);
  };
  // Every message waits at its sender until it is asked for: nothing is buffered at a receiver that is
  // behind.
  set("RNDV_THRESH", "0");
  // UCX 1.13 crashes when it asks a peer for a sign of life to which the connection has just failed. Hosts give signs of
  // life to each other over the control network, so UCX need not.
  set("KEEPALIVE_INTERVAL", "inf");
  if (!options.network_devices.empty())
    set("NET_DEVICES", options.network_devices);
  if (!options.transports.empty())
    set("TLS", options.transports);
  return config;
}

ucp_context_h make_context(const fabric_options& options) {
  const auto config = read_config(options);
  ucp_params_t wishes{};
  wishes.field_mask = UCP_PARAM_FIELD_FEATURES;
  wishes.features = UCP_FEATURE_TAG | UCP_FEATURE_WAKEUP;
  ucp_context_h context = nullptr;
  check(ucp_init(&wishes, config.get(), &context), "ucp_init");
  return context;
}

std::unique_ptr<fabric_door> make_door(const fabric_options& options) {
  try {
    return std::make_unique<fabric_door>(options.report_stranger, options.connect_max);
  } catch (const std::exception& error) {
    throw fabric_error{error.what()};
  }
}

/// The door guards all its listening sockets, one for each network device, from their first moment on.
ucp_worker_h make_worker(ucp_context& context, fabric_door& door) {
  const fabric_door::use behind{door};
  ucp_worker_params_t wishes{};
  wishes.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  wishes.thread_mode = UCS_THREAD_MODE_SERIALIZED; // Made by one thread, then used by another.
  ucp_worker_h worker = nullptr;
  check(ucp_worker_create(&context, &wishes, &worker), "ucp_worker_create");
  return worker;
}

/// UCX may call this before the call that started the transfer returns, so the request is freed later.
void on_sent(void*, ucs_status_t status, void* transfer) {
  fabric::complete(*static_cast<fabric_transfer*>(transfer), status);
}

/// A message of another length than announced is an error.
ucs_status_t judge(ucs_status_t status, const ucp_tag_recv_info_t& info, const fabric_transfer& transfer) {
  return status == UCS_OK && info.length != transfer.length ? UCS_ERR_MESSAGE_TRUNCATED : status;
}

void on_received(void*, ucs_status_t status, const ucp_tag_recv_info_t* info, void* user_data) {
  auto& transfer = *static_cast<fabric_transfer*>(user_data);
  fabric::complete(transfer, judge(status, *info, transfer));
}

/// The peer is gone: keeps the reason.
void on_endpoint_failure(void* failure, ucp_ep_h, ucs_status_t status) {
  *static_cast<const char**>(failure) = ucs_status_string(status);
}

} // namespace

void fabric::destroy::operator()(ucp_context* context) const noexcept { ucp_cleanup(context); }
void fabric::destroy::operator()(ucp_worker* worker) const noexcept { ucp_worker_destroy(worker); }

template <class Call>
bool fabric::survives(Call&& call) noexcept {
  if (is_broken_)
    return false;
  const fabric_door::use behind{*door_};
  is_broken_ =
      !survives_abort([](void* made) { (*static_cast<std::remove_reference_t<Call>*>(made))(); }, &call);
  return !is_broken_;
}

fabric::fabric(const fabric_options& options)
    : door_{make_door(options)}, context_{make_context(options)}, worker_{make_worker(*context_, *door_)} {
  check(ucp_worker_get_efd(worker_.get(), &events_), "ucp_worker_get_efd");
  install_abort_guard();
}

fabric::~fabric() noexcept {
  const auto deadline = clock::now() + drain_wait;
  while (under_way_ > 0 && clock::now() < deadline && !is_broken_)
    progress();
  static_cast<void>(take_completed());
  const bool is_destroyed = survives([&] {
    worker_.reset();
    context_.reset();
  });
  if (is_destroyed)
    return;
  // UCX's state is unknown: its memory and sockets stay until the process ends.
  static_cast<void>(worker_.release());
  static_cast<void>(context_.release());
  static_cast<void>(door_.release());
}

std::string fabric::address() const {
  if (is_broken_)
    throw fabric_error{"UCX has called abort()"};
  auto copied = door_->description();
  ucp_address_t* address = nullptr;
  std::size_t bytes = 0;
  check(ucp_worker_get_address(worker_.get(), &address, &bytes), "ucp_worker_get_address");
  copied.append(reinterpret_cast<const char*>(address), bytes);
  ucp_worker_release_address(worker_.get(), address);
  return copied;
}

void fabric::receive(std::span<std::byte> destination, std::uint64_t tag,
                     fabric_transfer& transfer) noexcept {
  ucp_tag_recv_info_t info{}; // Only filled when the message is here already.
  ucp_request_param_t how{};
  how.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_RECV_INFO;
  how.cb.recv = on_received;
  how.user_data = &transfer;
  how.recv_info.tag_info = &info;
  transfer = {this, nullptr, destination.size(), nullptr};
  ++under_way_;
  constexpr std::uint64_t all_bits = ~0ull;
  void* started = nullptr;
  const bool is_alive = survives([&] {
    started = ucp_tag_recv_nbx(worker_.get(), destination.data(), destination.size(), tag, all_bits, &how);
  });
  if (!is_alive)
    return;
  if (UCS_PTR_IS_PTR(started))
    transfer.request = started;
  else
    complete(transfer, judge(UCS_PTR_STATUS(started), info, transfer));
}

void fabric::cancel(fabric_transfer& transfer) noexcept {
  if (transfer.request != nullptr)
    survives([&] { ucp_request_cancel(worker_.get(), transfer.request); });
}

bool fabric::progress() noexcept {
  unsigned events = 0;
  return survives([&] { events = ucp_worker_progress(worker_.get()); }) && events != 0;
}

std::vector<fabric_transfer*> fabric::take_completed() noexcept {
  for (auto* transfer : completed_)
    if (void* request = std::exchange(transfer->request, nullptr); request != nullptr)
      survives([&] { ucp_request_free(request); });
  return std::exchange(completed_, {});
}

void fabric::wait(std::chrono::milliseconds timeout, fabric* other) noexcept {
  std::array<pollfd, 2> events{};
  nfds_t count = 0;
  for (auto* one : {this, other}) {
    if (one == nullptr)
      continue;
    // A worker that cannot be armed has something to do already.
    ucs_status_t armed = UCS_ERR_BUSY;
    if (!one->survives([&] { armed = ucp_worker_arm(one->worker_.get()); }) || armed != UCS_OK)
      return;
    events[count++] = {one->events_, POLLIN, 0};
  }
  ::poll(events.data(), count, static_cast<int>(timeout.count()));
}

void fabric::wake() noexcept {
  if (!is_broken_)
    ucp_worker_signal(worker_.get());
}

void fabric::complete(fabric_transfer& transfer, int status) noexcept {
  if (status != UCS_OK)
    transfer.failure = ucs_status_string(static_cast<ucs_status_t>(status));
  --transfer.local->under_way_;
  transfer.local->completed_.push_back(&transfer);
}

fabric_endpoint::fabric_endpoint(fabric& local, const std::string& address,
                                 std::optional<std::chrono::milliseconds> connect_time_max)
    : local_{local} {
  std::string_view behind_door{address};
  try {
    local_.door_->learn(behind_door, connect_time_max);
  } catch (const std::invalid_argument& error) {
    throw fabric_error{error.what()};
  }
  ucp_ep_params_t wishes{};
  wishes.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE
                      | UCP_EP_PARAM_FIELD_ERR_HANDLER;
  wishes.address = reinterpret_cast<const ucp_address_t*>(behind_door.data());
  wishes.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  wishes.err_handler = {on_endpoint_failure, &failure_};
  ucs_status_t created = UCS_ERR_LAST;
  local_.survives([&] { created = ucp_ep_create(local_.worker_.get(), &wishes, &endpoint_); });
  check(created, "ucp_ep_create");
}

fabric_endpoint::~fabric_endpoint() noexcept {
  ucp_request_param_t how{};
  how.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
  how.flags = UCP_EP_CLOSE_FLAG_FORCE;
  void* closing = nullptr;
  if (!local_.survives([&] { closing = ucp_ep_close_nbx(endpoint_, &how); }) || !UCS_PTR_IS_PTR(closing))
    return;
  const auto deadline = clock::now() + close_wait;
  while (!local_.is_broken() && clock::now() < deadline
         && ucp_request_check_status(closing) == UCS_INPROGRESS)
    local_.progress();
  local_.survives([&] { ucp_request_free(closing); });
}

void fabric_endpoint::send(std::span<const std::byte> source, std::uint64_t tag,
                           fabric_transfer& transfer) noexcept {
  ucp_request_param_t how{};
  how.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  how.cb.send = on_sent;
  how.user_data = &transfer;
  transfer = {&local_, nullptr, source.size(), nullptr};
  ++local_.under_way_;
  void* started = nullptr;
  if (!local_.survives(
          [&] { started = ucp_tag_send_nbx(endpoint_, source.data(), source.size(), tag, &how); }))
    return;
  if (UCS_PTR_IS_PTR(started))
    transfer.request = started;
  else
    fabric::complete(transfer, UCS_PTR_STATUS(started));
}

} // namespace ckpt::gpu
