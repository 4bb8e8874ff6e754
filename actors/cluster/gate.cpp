// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/gate.hpp"

#include "actors/cluster/greeting.hpp"
#include "actors/cluster/network_thread.hpp"

#include <algorithm>
#include <array>
#include <list>
#include <map>
#include <system_error>

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <spdlog/spdlog.h>
#include <sys/socket.h>

namespace ckpt::actors {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using clock = std::chrono::steady_clock;

/// Pause after the system could not give a connection, usually for lack of descriptors.
constexpr auto accept_again_wait = 100ms;

/// The log names at most so many strangers that were turned away for what they said.
constexpr int told_max = 8;

/// A connection that has not greeted yet.
struct stranger {
  stranger(tcp::socket socket, asio::ip::address from)
      : stream{std::make_unique<secured_stream>(std::move(socket))}, address{std::move(from)},
        deadline{stream->get_executor()} {}

  std::unique_ptr<secured_stream> stream; ///< null once it is let in
  asio::ip::address address;
  clock::time_point came = clock::now();
  asio::steady_timer deadline;
  std::array<char, line_bytes> heard{};
  bool is_gone = false;
};

using stranger_ptr = std::shared_ptr<stranger>;

/// Listens at the first of the addresses where that works.
[[nodiscard]] tcp::acceptor listen(asio::io_context& io, const std::vector<tcp::endpoint>& places) {
  error_code failed = asio::error::address_family_not_supported;
  for (const auto& place : places) {
    tcp::acceptor acceptor{io};
    if (acceptor.open(place.protocol(), failed))
      continue;
    error_code ignored; // Without the options it may work as well.
    acceptor.set_option(tcp::acceptor::reuse_address{true}, ignored);
    if (place.address().is_v6())
      acceptor.set_option(asio::ip::v6_only{false}, ignored);
    if (!acceptor.bind(place, failed) && !acceptor.listen(tcp::acceptor::max_listen_connections, failed))
      return acceptor;
  }
  throw std::system_error{failed.value(), std::generic_category(), "listen"};
}

[[nodiscard]] std::vector<tcp::endpoint> places_of(asio::io_context& io, const gate_options& options) {
  if (options.address.empty())
    return {{tcp::v6(), options.port}, {tcp::v4(), options.port}};
  tcp::resolver resolver{io};
  error_code failed;
  const auto found = resolver.resolve(options.address, std::to_string(options.port),
                                      tcp::resolver::passive | tcp::resolver::numeric_service, failed);
  if (failed)
    throw std::runtime_error{failed.message()};
  return {found.begin(), found.end()};
}

} // namespace

/// All but the constructor, port() and the destructor happens on the network thread.
class gate::doorkeeper {
public:
  doorkeeper(const gate_options& options, let_in guest)
      : options_{options}, guest_{std::move(guest)}, acceptor_{listen(network_.io(),
                                                                      places_of(network_.io(), options))},
        pause_{network_.io()}, port_{acceptor_.local_endpoint().port()} {
    if (options.tls)
      tls_ = make_tls_context(*options.tls);
    network_.run([this] { accept(); });
  }

  ~doorkeeper() {
    close();
    network_.finish();
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  void close() {
    network_.run([this] {
      error_code ignored;
      acceptor_.close(ignored);
      pause_.cancel();
      guest_ = nullptr;
      while (!strangers_.empty())
        dismiss(strangers_.front());
      network_.end_bridges_soon();
    });
  }

private:
  void accept() {
    acceptor_.async_accept([this](error_code failed, tcp::socket socket) {
      if (!acceptor_.is_open())
        return;
      if (failed) {
        pause_.expires_after(accept_again_wait);
        pause_.async_wait([this](error_code) {
          if (acceptor_.is_open())
            accept();
        });
        return;
      }
      accept(); // First, so that nothing that goes wrong with this one keeps others out.
      admit(std::move(socket));
    });
  }

  void admit(tcp::socket socket) {
    error_code failed;
    auto from = socket.remote_endpoint(failed).address();
    if (from.is_v6() && from.to_v6().is_v4_mapped())
      from = asio::ip::make_address_v4(asio::ip::v4_mapped, from.to_v6());
    if (failed || !make_room(from))
      return;
    socket.non_blocking(true, failed);
    socket.set_option(tcp::no_delay{true}, failed);
    socket.set_option(asio::socket_base::keep_alive{true}, failed);
    const auto who = strangers_.emplace_back(std::make_shared<stranger>(std::move(socket), from));
    who->deadline.expires_after(options_.stranger_time_max);
    who->deadline.async_wait([this, who](error_code) { dismiss(who); });
    wait_for_first_byte(who);
  }

  /// False when there is no place for one more of this address now.
  [[nodiscard]] bool make_room(const asio::ip::address& newcomer) {
    if (strangers_.size() < options_.strangers_max)
      return true;
    std::map<asio::ip::address, std::size_t> places;
    for (const auto& one : strangers_)
      ++places[one->address];
    const auto most = std::ranges::max_element(places, {}, [](const auto& each) { return each.second; });
    const auto oldest =
        *std::ranges::find_if(strangers_, [&](const auto& one) { return one->address == most->first; });
    if (most->second <= places[newcomer] + 1 && clock::now() - oldest->came < options_.stranger_time_min)
      return false;
    dismiss(oldest);
    return true;
  }

  /// By value: the list's own pointer is destroyed.
  void dismiss(stranger_ptr who) {
    if (std::exchange(who->is_gone, true))
      return;
    who->deadline.cancel();
    if (who->stream)
      who->stream->close();
    strangers_.remove(who);
  }

  /// Dismisses somebody for what it said.
  void turn_away(const stranger_ptr& who, const std::string& why) {
    const auto told = who->address.to_string() + " does not get in: " + why;
    if (told_ < told_max && told != last_told_) // Most try again.
      spdlog::info("{}{}", told, ++told_ == told_max ? "; later ones like this are not told of" : "");
    last_told_ = told;
    dismiss(who);
  }

  /// TLS is not begun for a stranger that is silent.
  void wait_for_first_byte(const stranger_ptr& who) {
    who->stream->socket().async_wait(tcp::socket::wait_read, [this, who](error_code failed) {
      if (who->is_gone)
        return;
      char first = 0;
      const auto count =
          failed ? 0
                 : who->stream->socket().receive(asio::buffer(&first, 1), tcp::socket::message_peek, failed);
      if (failed == asio::error::would_block)
        wait_for_first_byte(who);
      else if (failed || count == 0)
        dismiss(who);
      else if ((first == tls_first_byte) != tls_.has_value())
        explain(who);
      else if (tls_)
        shake_hands(who);
      else
        hear_greeting(who);
    });
  }

  /// One side speaks TLS and the other does not. A line in the clear tells either what is the matter.
  void explain(const stranger_ptr& who) {
    auto& socket = who->stream->socket();
    const auto line = tls_ ? wants_tls_line : greeting_line;
    error_code ignored;              // It is a courtesy.
    std::array<char, 4096> unread{}; // Unread bytes would reset the connection, and lose the answer.
    socket.receive(asio::buffer(unread), 0, ignored);
    socket.send(asio::buffer(line.data(), line.size()), 0, ignored);
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    turn_away(who, tls_ ? "it speaks without TLS" : "it speaks TLS, and this host has no certificate");
  }

  void shake_hands(const stranger_ptr& who) {
    who->stream->handshake(*tls_, secured_stream::role::server, [this, who](error_code failed) {
      if (who->is_gone)
        return;
      if (!failed)
        hear_greeting(who);
      else if (const auto doubt = who->stream->doubt(); !doubt.empty())
        turn_away(who, "its certificate is not good: " + doubt);
      else
        turn_away(who, failed.message());
    });
  }

  void hear_greeting(const stranger_ptr& who) {
    const auto is_enough = [who](const error_code& failed, std::size_t count) -> std::size_t {
      const bool is_line = may_become_line({who->heard.data(), count});
      return failed || !is_line ? 0 : line_bytes - count;
    };
    asio::async_read(*who->stream, asio::buffer(who->heard), is_enough,
                     [this, who](error_code failed, std::size_t count) {
                       if (who->is_gone)
                         return;
                       const auto word = understand({who->heard.data(), count});
                       if (word == said::greeting && network_.bridges() >= options_.guests_max)
                         turn_away(who, "too many are in already");
                       else if (word == said::greeting || word == said::other_version)
                         greet(who, word == said::greeting);
                       else if (!failed)
                         turn_away(who, "it is no ckpt-actor-node");
                       else if (const auto doubt = who->stream->doubt(); !doubt.empty())
                         turn_away(who, doubt);
                       else
                         dismiss(who);
                     });
  }

  /// A caller of another version learns from this line that the versions differ.
  void greet(const stranger_ptr& who, bool gets_in) {
    asio::async_write(*who->stream, asio::buffer(greeting_line.data(), greeting_line.size()),
                      [this, who, gets_in](error_code failed, std::size_t) {
                        if (who->is_gone)
                          return;
                        if (failed)
                          dismiss(who);
                        else if (!gets_in)
                          turn_away(who, "it is a ckpt-actor-node of another version");
                        else
                          open_for(who);
                      });
  }

  void open_for(const stranger_ptr& who) {
    io::fd guest;
    try {
      guest = network_.bridge(std::move(who->stream));
    } catch (const std::exception& error) {
      turn_away(who, error.what());
      return;
    }
    dismiss(who);
    guest_(std::move(guest));
  }

  const gate_options options_;
  let_in guest_;
  network_thread network_;
  std::optional<asio::ssl::context> tls_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  const std::uint16_t port_;
  std::list<stranger_ptr> strangers_; ///< the oldest first
  int told_ = 0;
  std::string last_told_;
};

gate_options gate_for_hosts(std::size_t hosts) {
  gate_options options;
  options.strangers_max += hosts;
  options.guests_max = 8 + 2 * hosts;
  return options;
}

gate::gate(const gate_options& options, let_in guest)
    : keeper_{std::make_unique<doorkeeper>(options, std::move(guest))} {}

gate::~gate() = default;

std::uint16_t gate::port() const { return keeper_->port(); }

void gate::close() { keeper_->close(); }

} // namespace ckpt::actors
