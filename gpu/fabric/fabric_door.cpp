// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/fabric/fabric_door.hpp"

#include "gpu/fabric/patient_connect.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

/// How long the kernel waits for a connection's first bytes before accept() sees the connection.
constexpr int silence_seconds_max = 2;

/// Strangers turned away in one call of accept(), which UCX repeats as long as there are more.
constexpr int turned_away_max = 64;

/// Strangers that are reported: a flood from everywhere must not fill the log, or the memory.
constexpr std::size_t reported_max = 16;

/// Finds the door of a socket in accept(), which UCX calls on a thread of its own. By inodes, because numbers
/// of descriptors are used again.
struct registry {
  std::mutex mutex;
  std::map<ino_t, fabric_door*> doors; ///< by listening socket
};

registry& all() {
  static registry* const made = new registry; // Never destroyed: UCX's own thread outlives main().
  return *made;
}

/// While it is 0, accept() on other sockets of this program takes no lock.
std::atomic<unsigned> doors_count = 0;

thread_local fabric_door* in_use = nullptr;

/// An address as bytes that can be compared: family, port, and the address of the host.
std::string place_of(const sockaddr& address) {
  std::string place;
  const auto append = [&](const auto& field) {
    place.append(reinterpret_cast<const char*>(&field), sizeof field);
  };
  append(address.sa_family);
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    append(v4.sin_port);
    append(v4.sin_addr);
  } else if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    append(v6.sin6_port);
    append(v6.sin6_addr);
  }
  return place;
}

std::string host_of(const sockaddr& address) {
  char text[INET6_ADDRSTRLEN] = "an address of another kind";
  if (address.sa_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof text);
  else if (address.sa_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  return text;
}

ino_t inode_of(int file) {
  struct stat status {};
  return ::fstat(file, &status) == 0 ? status.st_ino : 0;
}

/// Looks at every byte, so that the time tells a stranger nothing about the key.
bool is_same(const door_key& one, const door_key& other) {
  unsigned differences = 0;
  for (std::size_t at = 0; at < one.size(); ++at)
    differences |= static_cast<unsigned char>(one[at] ^ other[at]);
  return differences == 0;
}

template <class Function>
Function* function_of_c_library(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

/// Waits for a connection. False when it was not made; errno says why.
bool is_made(int connection, std::chrono::steady_clock::time_point until) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
  pollfd event{connection, POLLOUT, 0};
  int error = ::poll(&event, 1, static_cast<int>(std::max(left, decltype(left){0}))) == 1 ? 0 : ETIMEDOUT;
  if (socklen_t length = sizeof error; error == 0)
    ::getsockopt(connection, SOL_SOCKET, SO_ERROR, &error, &length);
  errno = error;
  return error == 0;
}

/// At least a millisecond, because 0 would be no limit.
std::chrono::milliseconds time_until(std::chrono::steady_clock::time_point then) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(then - std::chrono::steady_clock::now());
  return std::max(left, std::chrono::milliseconds{1});
}

/// How long a call that connects or sends may block; 0: as long as it takes.
void limit_sending(int socket, std::chrono::milliseconds time_max) {
  const timeval limit{time_max.count() / 1000, time_max.count() % 1000 * 1000};
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

} // namespace

/// This program's versions of three functions of the C library.
struct door_functions {
  static int listen(int socket, int backlog) {
    static const auto original = function_of_c_library<int(int, int)>("listen");
    if (in_use == nullptr)
      return original(socket, backlog);
    const int seconds = silence_seconds_max;
    if (::setsockopt(socket, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds) != 0)
      return -1;
    // Locked first: no accept() comes before guard().
    const std::lock_guard lock{all().mutex};
    if (const int failed = original(socket, backlog); failed != 0)
      return failed;
    in_use->guard(socket);
    return 0;
  }

  static int original_accept(int listener, sockaddr* caller, socklen_t* length) {
    static const auto original = function_of_c_library<int(int, sockaddr*, socklen_t*)>("accept");
    return original(listener, caller, length);
  }

  static int accept(int listener, sockaddr* caller, socklen_t* length) {
    if (doors_count == 0)
      return original_accept(listener, caller, length);
    std::unique_lock lock{all().mutex};
    const auto found = all().doors.find(inode_of(listener));
    if (found != all().doors.end())
      return found->second->accept_next(listener, caller, length);
    lock.unlock();
    return original_accept(listener, caller, length);
  }

  static int connect(int socket, const sockaddr* where, socklen_t length) {
    static const auto original = function_of_c_library<int(int, const sockaddr*, socklen_t)>("connect");
    if (in_use == nullptr || where == nullptr)
      return original(socket, where, length);
    const auto fitting = in_use->others_.find(place_of(*where));
    if (fitting == in_use->others_.end())
      return original(socket, where, length);
    auto& other = fitting->second;
    const auto time_max = other.connect_time_max.value_or(in_use->connect_max_);
    const auto until = std::chrono::steady_clock::now() + time_max;
    const auto connect_once = [&] {
      if (other.connect_time_max) // UCX's socket may block, for as long as the kernel tries: two minutes.
        limit_sending(socket, time_until(until));
      const bool is_done = original(socket, where, length) == 0;
      const int error = errno;
      if (other.connect_time_max)
        limit_sending(socket, {});
      errno = error;
      return is_done || (errno == EINPROGRESS && is_made(socket, until));
    };
    if (other.is_given_up || !connect_patiently(connect_once, time_max)) {
      if (other.connect_time_max) {
        other.is_given_up = true; // UCX tries 25 times: from now on it gets here at once.
        errno = ECONNREFUSED;
      }
      return -1;
    }
    // A new connection has room for the key. If the connection is gone already, UCX finds out by itself.
    const auto& key = other.key;
    static_cast<void>(::send(socket, key.data(), key.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    return 0;
  }
};

fabric_door::fabric_door(stranger_report report, std::chrono::milliseconds connect_max)
    : report_{std::move(report)}, connect_max_{connect_max} {
  if (::getrandom(key_.data(), key_.size(), 0) != static_cast<ssize_t>(key_.size()))
    throw std::system_error{errno, std::generic_category(), "getrandom"};
  // Libraries find this program's functions first, unless this code is in a shared library itself.
  for (const auto& [name, ours] : {std::pair{"listen", reinterpret_cast<void*>(&::listen)},
                                   std::pair{"accept", reinterpret_cast<void*>(&::accept)},
                                   std::pair{"connect", reinterpret_cast<void*>(&::connect)}})
    if (::dlsym(RTLD_DEFAULT, name) != ours)
      throw std::runtime_error{std::string{"UCX would not call this program's "} + name
                               + "(): anybody could connect"};
}

fabric_door::~fabric_door() noexcept {
  const std::lock_guard lock{all().mutex};
  doors_count -= static_cast<unsigned>(
      std::erase_if(all().doors, [this](const auto& entry) { return entry.second == this; }));
}

fabric_door::use::use(fabric_door& door) noexcept : before_{std::exchange(in_use, &door)} {}
fabric_door::use::~use() noexcept { in_use = before_; }

void fabric_door::guard(int listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  places_.push_back(place_of(reinterpret_cast<const sockaddr&>(address)));
  if (all().doors.insert_or_assign(inode_of(listener), this).second)
    ++doors_count;
}

int fabric_door::accept_next(int listener, sockaddr* caller, unsigned* length) noexcept {
  for (int turned_away = 0; turned_away < turned_away_max; ++turned_away) {
    sockaddr_storage address{};
    socklen_t address_length = sizeof address;
    const int connection =
        door_functions::original_accept(listener, reinterpret_cast<sockaddr*>(&address), &address_length);
    if (connection < 0)
      break;
    door_key shown{};
    const auto taken = ::recv(connection, shown.data(), shown.size(), MSG_DONTWAIT);
    if (taken == static_cast<ssize_t>(shown.size()) && is_same(shown, key_)) {
      if (caller != nullptr && length != nullptr) {
        std::copy_n(reinterpret_cast<const char*>(&address), std::min(*length, address_length),
                    reinterpret_cast<char*>(caller));
        *length = address_length;
      }
      return connection;
    }
    turn_away(connection, reinterpret_cast<const sockaddr&>(address));
  }
  // Any other error would make UCX stop listening for good.
  errno = EAGAIN;
  return -1;
}

void fabric_door::turn_away(int connection, const sockaddr& caller) {
  // The connection is reset, so that the kernel does not have to remember it either.
  const linger none{1, 0};
  ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  ::close(connection);
  if (!report_ || reported_.size() == reported_max)
    return;
  if (const auto host = host_of(caller); reported_.insert(host).second)
    report_("data network: " + host + " connected without the key of this update and was turned away; that "
            + "changes nothing, and is not said again"
            + (reported_.size() == reported_max ? ", nor of other addresses" : ""));
}

std::string fabric_door::description() const {
  std::string text{key_.data(), key_.size()};
  if (places_.size() > std::numeric_limits<unsigned char>::max())
    throw std::length_error{"UCX listens on " + std::to_string(places_.size())
                            + " sockets: name its devices"};
  text.push_back(static_cast<char>(places_.size()));
  for (const auto& place : places_) {
    text.push_back(static_cast<char>(place.size()));
    text += place;
  }
  return text;
}

void fabric_door::learn(std::string_view& address, std::optional<std::chrono::milliseconds> time_max) {
  const auto take = [&](std::size_t count) {
    if (address.size() < count)
      throw std::invalid_argument{"the address of a host is cut short"};
    const auto taken = address.substr(0, count);
    address.remove_prefix(count);
    return taken;
  };
  const auto take_number = [&] { return static_cast<unsigned char>(take(1).front()); };
  door_key key;
  std::ranges::copy(take(key.size()), key.begin());
  for (auto places = take_number(); places > 0; --places)
    others_.insert_or_assign(std::string{take(take_number())}, other_door{key, time_max});
}

} // namespace ckpt::gpu

// The C library declares these. The linker finds these definitions before its own.
extern "C" {

[[gnu::visibility("default")]] int listen(int socket, int backlog) noexcept {
  return ckpt::gpu::door_functions::listen(socket, backlog);
}

[[gnu::visibility("default")]] int accept(int listener, sockaddr* caller, socklen_t* length) {
  return ckpt::gpu::door_functions::accept(listener, caller, length);
}

[[gnu::visibility("default")]] int connect(int socket, const sockaddr* where, socklen_t length) {
  return ckpt::gpu::door_functions::connect(socket, where, length);
}
}
