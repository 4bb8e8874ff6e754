// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/stand_in/nccl_mesh.hpp"

#include "tests/stand_in/stand_in.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string_view>
#include <thread>
#include <utility>

#include <ifaddrs.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ckpt::stand_in {
namespace {

constexpr auto socket_kind = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

/// An open file that is closed unless it is kept.
class owned {
public:
  explicit owned(int file) noexcept : file_{file} {}
  owned(const owned&) = delete;
  owned& operator=(const owned&) = delete;
  ~owned() noexcept {
    if (file_ >= 0)
      ::close(file_);
  }
  [[nodiscard]] int number() const noexcept { return file_; }
  [[nodiscard]] int keep() noexcept { return std::exchange(file_, -1); }

private:
  int file_;
};

std::span<std::byte> bytes_of(auto& object) { return std::as_writable_bytes(std::span{&object, 1}); }

in_addr own_address() {
  const char* const interface = std::getenv("NCCL_SOCKET_IFNAME");
  if (interface == nullptr)
    return {htonl(INADDR_LOOPBACK)};
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0)
    undefined("NCCL: the interfaces of this host cannot be listed");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list{all, ::freeifaddrs};
  for (const auto* each = all; each != nullptr; each = each->ifa_next)
    if (std::strcmp(each->ifa_name, interface) == 0 && each->ifa_addr != nullptr
        && each->ifa_addr->sa_family == AF_INET)
      return reinterpret_cast<const sockaddr_in*>(each->ifa_addr)->sin_addr;
  undefined("NCCL: there is no interface with the name in NCCL_SOCKET_IFNAME");
}

/// Takes a place to listen at that nobody else has, and writes it into `address`.
int listen_anywhere(sockaddr_in& address) {
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr = own_address();
  socklen_t bytes = sizeof address;
  const int file = ::socket(AF_INET, socket_kind, 0);
  if (file < 0 || ::bind(file, reinterpret_cast<const sockaddr*>(&address), bytes) != 0
      || ::listen(file, 4096) != 0 || ::getsockname(file, reinterpret_cast<sockaddr*>(&address), &bytes) != 0)
    undefined("no socket for the ranks of a communicator");
  return file;
}

int connect_to(const sockaddr_in& address, const interruption& end) {
  owned file{::socket(AF_INET, socket_kind, 0)};
  if (::connect(file.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0
      && errno != EINPROGRESS)
    throw rank_lost{};
  end.wait_for(file.number(), POLLOUT);
  int status = 0;
  socklen_t bytes = sizeof status;
  if (::getsockopt(file.number(), SOL_SOCKET, SO_ERROR, &status, &bytes) != 0 || status != 0)
    throw rank_lost{};
  return file.keep();
}

/// The host that NCCL takes this one for: on one host two ranks cannot have the same GPU.
std::uint64_t host_id() {
  const char* const name = std::getenv("NCCL_HOSTID");
  return name == nullptr ? 0 : std::hash<std::string_view>{}(name);
}

void send_all(int file, std::span<const std::byte> bytes, const interruption& end) {
  while (!bytes.empty()) {
    end.wait_for(file, POLLOUT);
    const auto sent = ::send(file, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
      throw rank_lost{};
    bytes = bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
  }
}

void receive_all(int file, std::span<std::byte> bytes, const interruption& end) {
  while (!bytes.empty()) {
    end.wait_for(file, POLLIN);
    const auto received = ::recv(file, bytes.data(), bytes.size(), 0);
    if (received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR))
      throw rank_lost{};
    bytes = bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(received, 0)));
  }
}

/// Takes the cards of all ranks and gives each the cards of all.
void host_meeting(int listener, std::uint64_t nonce) {
  const interruption never;
  std::vector<rank_card> cards(1);
  std::vector<int> files(1, -1);
  for (std::size_t present = 0; present < cards.size();) {
    never.wait_for(listener, POLLIN);
    owned file{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    rank_card card;
    try {
      receive_all(file.number(), bytes_of(card), never);
    } catch (const rank_lost&) {
      continue; // It died on its way.
    }
    if (card.nonce != nonce)
      continue; // It wants another meeting, which was here before.
    if (present == 0) {
      cards.resize(static_cast<std::size_t>(card.ranks));
      files.resize(cards.size(), -1);
    }
    const auto rank = static_cast<std::size_t>(card.rank);
    if (static_cast<std::size_t>(card.ranks) != cards.size() || files[rank] >= 0)
      undefined("NCCL: ranks of one id do not agree on how many they are, or on who is who");
    cards[rank] = card;
    files[rank] = file.keep();
    ++present;
  }
  ::close(listener);
  for (const int file : files) {
    try {
      send_all(file, std::as_bytes(std::span{cards}), never);
    } catch (const rank_lost&) {
      // The others notice when they talk to it.
    }
    ::close(file);
  }
}

} // namespace

interruption::interruption() : file_{::eventfd(0, EFD_CLOEXEC)} {}

interruption::~interruption() noexcept { ::close(file_); }

void interruption::raise() {
  is_raised_ = true;
  ::eventfd_write(file_, 1);
}

void interruption::wait() const {
  pollfd self{file_, POLLIN, 0};
  while (!is_raised_)
    ::poll(&self, 1, -1);
}

void interruption::wait_for(int file, short events) const {
  pollfd files[] = {{file, events, 0}, {file_, POLLIN, 0}};
  while (files[0].revents == 0) {
    ::poll(files, 2, -1);
    if (files[1].revents != 0)
      throw interrupted{};
  }
}

meeting_place open_meeting_place() {
  std::random_device random;
  meeting_place place{{}, std::uint64_t{random()} << 32 | random()};
  std::thread{host_meeting, listen_anywhere(place.address), place.nonce}.detach();
  return place;
}

mesh::mesh(const meeting_place& place, int rank, int ranks, const gpu_uuid& uuid, const interruption& end)
    : end_{end}, files_(static_cast<std::size_t>(ranks), -1) {
  try {
    connect(place, rank, ranks, uuid);
  } catch (...) {
    for (const int file : files_)
      if (file >= 0)
        ::close(file);
    throw;
  }
}

mesh::~mesh() noexcept {
  for (const int file : files_)
    if (file >= 0)
      ::close(file);
}

/// Every rank calls those before it, and is called by those behind it.
void mesh::connect(const meeting_place& place, int rank, int ranks, const gpu_uuid& uuid) {
  std::vector<rank_card> cards(static_cast<std::size_t>(ranks));
  rank_card self{place.nonce, rank, ranks, uuid, host_id(), {}};
  const owned listener{listen_anywhere(self.address)};
  {
    const owned meeting{connect_to(place.address, end_)};
    send_all(meeting.number(), bytes_of(self), end_);
    receive_all(meeting.number(), std::as_writable_bytes(std::span{cards}), end_);
  }
  std::int32_t number = rank;
  for (std::int32_t other = 0; other < rank; ++other) {
    const auto& card = cards[static_cast<std::size_t>(other)];
    auto& file = files_[static_cast<std::size_t>(other)];
    file = connect_to(card.address, end_);
    send_all(file, bytes_of(number), end_);
  }
  for (std::int32_t other = rank + 1; other < ranks; ++other) {
    end_.wait_for(listener.number(), POLLIN);
    owned caller{::accept4(listener.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    receive_all(caller.number(), bytes_of(number), end_);
    files_.at(static_cast<std::size_t>(number)) = caller.keep();
  }
  for (const auto& card : cards)
    shares_gpus_ = shares_gpus_ || std::ranges::count_if(cards, [&](const rank_card& other) {
                                     return other.uuid == card.uuid && other.host == card.host;
                                   }) > 1;
}

void mesh::send(int rank, std::span<const std::byte> bytes) const {
  send_all(files_[static_cast<std::size_t>(rank)], bytes, end_);
}

void mesh::receive(int rank, std::span<std::byte> bytes) const {
  receive_all(files_[static_cast<std::size_t>(rank)], bytes, end_);
}

} // namespace ckpt::stand_in
