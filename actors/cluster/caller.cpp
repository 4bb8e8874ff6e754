// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/cluster/caller.hpp"

#include "actors/cluster/greeting.hpp"
#include "actors/cluster/name_lookup.hpp"
#include "actors/cluster/network_thread.hpp"

#include <array>
#include <system_error>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

namespace ckpt::actors {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

/// Each has a thread until the system's resolver answers.
constexpr std::size_t questions_max = 8;

/// The other side has hung up: it is about to end, it is another program, or it has too many callers.
[[nodiscard]] bool is_hung_up(const error_code& failed) {
  return failed == asio::error::eof || failed == asio::error::connection_reset
         || failed == asio::error::broken_pipe || failed == asio::ssl::error::stream_truncated;
}

[[nodiscard]] bool is_not_tls(const error_code& failed) {
  const auto reason = ERR_GET_REASON(static_cast<unsigned long>(failed.value()));
  return failed.category() == asio::error::get_ssl_category()
         && (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG
             || reason == SSL_R_RECORD_LENGTH_MISMATCH || reason == SSL_R_UNEXPECTED_MESSAGE);
}

} // namespace

/// All but the constructor and the destructor happens on the network thread.
class caller::switchboard {
public:
  switchboard(const std::optional<tls_identity>& files, const call_times& times) : times_{times} {
    if (files)
      tls_ = make_tls_context(*files);
  }

  ~switchboard() {
    close();
    network_.finish();
  }

  void call(const std::string& name, std::uint16_t port, call_ended ended) {
    asio::post(network_.io(), [=, this, ended = std::move(ended)]() mutable {
      if (is_closed_)
        return;
      if (now_) // Nobody waits for it any more.
        abandon(now_);
      now_ = std::make_shared<call_under_way>(network_.io());
      now_->ended = std::move(ended);
      look_up(now_, name, port);
    });
  }

  void close() {
    network_.run([this] {
      is_closed_ = true;
      if (now_)
        abandon(now_);
      network_.end_bridges_soon();
    });
  }

private:
  /// The resolver may take long: a question outlives the call that asked it.
  struct question {
    question(asio::io_context& io, std::string host, std::uint16_t port_of_host)
        : name{std::move(host)}, port{port_of_host}, lookup{name, port},
          answered{io, lookup.take_descriptor().release()} {}

    const std::string name;
    const std::uint16_t port;
    name_lookup lookup;
    asio::posix::stream_descriptor answered;
  };
  using question_ptr = std::shared_ptr<question>;

  struct call_under_way {
    explicit call_under_way(asio::io_context& io) : deadline{io} {}

    call_ended ended;   ///< empty once it is over
    question_ptr asked; ///< null unless it waits for the answer
    asio::steady_timer deadline;
    bool is_late = false;
    std::vector<tcp::endpoint> places;
    std::size_t next_place = 0;
    std::unique_ptr<secured_stream> stream;
    std::array<char, line_bytes> heard{};
  };
  using call_ptr = std::shared_ptr<call_under_way>;

  void end(call_ptr call, call_result result) {
    call->deadline.cancel();
    if (call->stream)
      call->stream->close();
    stop_waiting_for_lookup(*call);
    const auto ended = std::exchange(call->ended, nullptr);
    now_ = nullptr;
    if (ended)
      ended(std::move(result));
  }

  void abandon(call_ptr call) {
    call->ended = nullptr;
    end(call, {});
  }

  static void stop_waiting_for_lookup(call_under_way& call) {
    error_code ignored;
    if (const auto asked = std::exchange(call.asked, nullptr))
      asked->answered.cancel(ignored);
  }

  /// When the time is over, the operation that is under way fails.
  void begin_wait(const call_ptr& call, std::chrono::milliseconds time_max) {
    call->is_late = false;
    call->deadline.expires_after(time_max);
    call->deadline.async_wait([this, call](error_code cancelled) {
      // The timer may have expired just as the wait was over.
      if (cancelled || !call->ended || call->deadline.expiry() > asio::steady_timer::clock_type::now())
        return;
      call->is_late = true;
      stop_waiting_for_lookup(*call);
      if (call->stream)
        call->stream->close();
    });
  }

  /// The question for this name: that of an earlier call which was given up, or a new one.
  [[nodiscard]] question_ptr ask(const std::string& name, std::uint16_t port) {
    std::erase_if(questions_, [&](const auto& each) {
      return each->lookup.is_answered() && (each->name != name || each->port != port);
    });
    for (const auto& each : questions_)
      if (each->name == name && each->port == port)
        return each;
    if (questions_.size() == questions_max)
      throw std::runtime_error{"the names of too many other hosts are still being looked up"};
    return questions_.emplace_back(std::make_shared<question>(network_.io(), name, port));
  }

  void look_up(const call_ptr& call, const std::string& name, std::uint16_t port) {
    try {
      call->asked = ask(name, port);
    } catch (const std::exception& error) {
      end(call, {nullptr, false, error.what()});
      return;
    }
    begin_wait(call, times_.lookup_max);
    const auto asked = call->asked;
    asked->answered.async_wait(asio::posix::stream_descriptor::wait_read,
                               [this, call, asked](error_code failed) {
                                 if (!call->ended)
                                   return;
                                 if (failed)
                                   end(call, {nullptr, false, "its name is still being looked up"});
                                 else
                                   take_answer(call, *asked);
                               });
  }

  void take_answer(const call_ptr& call, question& asked) {
    auto found = asked.lookup.answer();
    call->asked = nullptr;
    std::erase_if(questions_, [&](const auto& each) { return each.get() == &asked; });
    if (found.places.empty()) {
      end(call, {nullptr, false, found.error});
      return;
    }
    call->places = std::move(found.places);
    connect(call);
  }

  void connect(const call_ptr& call) {
    call->stream = std::make_unique<secured_stream>(tcp::socket{network_.io()});
    begin_wait(call, times_.connect_max);
    call->stream->socket().async_connect(call->places[call->next_place], [this, call](error_code failed) {
      if (!call->ended)
        return;
      if (call->is_late)
        failed = asio::error::timed_out;
      if (!failed)
        shake_hands(call);
      else if (++call->next_place < call->places.size())
        connect(call);
      else
        end(call, {nullptr, false, failed.message()});
    });
  }

  void shake_hands(const call_ptr& call) {
    error_code ignored; // Slower, but no worse.
    call->stream->socket().set_option(tcp::no_delay{true}, ignored);
    call->stream->socket().set_option(asio::socket_base::keep_alive{true}, ignored);
    begin_wait(call, times_.greeting_max);
    if (!tls_) {
      greet(call);
      return;
    }
    call->stream->handshake(*tls_, secured_stream::role::client, [this, call](error_code failed) {
      if (!call->ended)
        return;
      if (failed)
        end_badly(call, failed);
      else
        greet(call);
    });
  }

  void greet(const call_ptr& call) {
    asio::async_write(*call->stream, asio::buffer(greeting_line.data(), greeting_line.size()),
                      [this, call](error_code, std::size_t) {
                        if (call->ended)
                          hear_greeting(call); // A host that has hung up may have said why.
                      });
  }

  void hear_greeting(const call_ptr& call) {
    const auto is_enough = [call](const error_code& failed, std::size_t count) -> std::size_t {
      const bool is_line = may_become_line({call->heard.data(), count});
      return failed || !is_line ? 0 : line_bytes - count;
    };
    asio::async_read(*call->stream, asio::buffer(call->heard), is_enough,
                     [this, call](error_code failed, std::size_t count) {
                       if (!call->ended)
                         return;
                       if (count == 0)
                         end_badly(call, failed);
                       else
                         answer(call, {call->heard.data(), count});
                     });
  }

  void answer(const call_ptr& call, std::string_view heard) {
    switch (understand(heard)) {
    case said::greeting:
      open(call);
      return;
    case said::other_version:
      end(call,
          {nullptr, true, "another version of ckpt-actor-node is there: install the same on all hosts"});
      return;
    case said::wants_tls:
      end(call, {nullptr, true, "it wants TLS: give this host --tls-ca, --tls-cert and --tls-key"});
      return;
    case said::something_else:
      end(call, {nullptr, true, "what is there is no ckpt-actor-node, or one of another version"});
    }
  }

  void open(const call_ptr& call) {
    call_result result;
    try {
      result.line = std::make_shared<io::fd>(network_.bridge(std::move(call->stream)));
    } catch (const std::exception& error) {
      result.why = error.what();
    }
    end(call, std::move(result));
  }

  /// The connection was made, but no line of the greeting came.
  void end_badly(const call_ptr& call, const error_code& failed) {
    const auto doubt = call->stream->doubt();
    if (call->is_late)
      end(call, {nullptr, true, "it does not greet, so it hangs, or is no ckpt-actor-node"});
    else if (!doubt.empty())
      end(call, {nullptr, true, "its certificate has another authority than ours, or is not good: " + doubt});
    else if (is_not_tls(failed))
      end(call, {nullptr, true, "it runs without TLS, or is no ckpt-actor-node (" + failed.message() + ")"});
    else if (is_hung_up(failed))
      end(call, {nullptr, false, "it hangs up: many others may be calling, or it is no ckpt-actor-node"});
    else if (failed.category() == asio::error::get_ssl_category())
      end(call,
          {nullptr, true,
           "it refuses our certificate (" + failed.message() + "): has it another authority than ours?"});
    else
      end(call, {nullptr, false, failed.message()});
  }

  const call_times times_;
  network_thread network_;
  std::optional<asio::ssl::context> tls_;
  std::vector<question_ptr> questions_; ///< until they are answered; at most `questions_max`
  call_ptr now_;
  bool is_closed_ = false;
};

caller::caller(const std::optional<tls_identity>& tls, const call_times& times)
    : board_{std::make_unique<switchboard>(tls, times)} {}

caller::~caller() = default;

void caller::call(const std::string& name, std::uint16_t port, call_ended ended) {
  board_->call(name, port, std::move(ended));
}

void caller::close() { board_->close(); }

} // namespace ckpt::actors
