// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/control_network.hpp"

#include "io/host_address.hpp"

#include <set>
#include <stdexcept>

#include <caf/actor_system.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/send.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

[[nodiscard]] std::optional<actors::tls_identity> identity_of(const network_options& network) {
  if (!network.is_encrypted())
    return std::nullopt;
  return actors::tls_identity{network.tls_ca, network.tls_cert, network.tls_key};
}

/// CAF's actor for its protocol between processes. It gets connections in the messages that CAF's own
/// middleman, and CAF's tests, send it.
[[nodiscard]] caf::actor broker_of(caf::actor_system& system) {
  return system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
}

/// Hands a connection to CAF, which offers it `whom`.
[[nodiscard]] actors::gate::let_in show(caf::actor_system& system, const caf::strong_actor_ptr& whom,
                                        std::uint16_t port) {
  return [&system, broker = broker_of(system), port, whom](io::fd guest) {
    caf::anon_send(broker, caf::publish_atom_v, system.middleman().backend().new_scribe(guest.release()),
                   port, whom, std::set<std::string>{});
  };
}

/// Joining hosts that may be connected at a time, beside strangers.
constexpr std::size_t joining_max = 1'024;

} // namespace

std::unique_ptr<actors::gate> control_network::offer(caf::actor_system& system,
                                                     const caf::strong_actor_ptr& source,
                                                     const std::string& address) const {
  auto gate = actors::gate_for_hosts(1);
  gate.guests_max = joining_max;
  gate.address = address;
  gate.tls = identity_of(options_.network);
  std::unique_ptr<actors::gate> made;
  try {
    made = std::make_unique<actors::gate>(gate, show(system, source, options_.place.master_port));
  } catch (const std::exception& error) {
    throw std::runtime_error{"cannot listen at " + address + " for hosts that join: " + error.what()};
  }
  spdlog::info("hosts that join are let in at {}:{} ({})", address, made->port(),
               options_.network.is_encrypted() ? "TLS" : "no TLS");
  return made;
}

void control_network::publish(caf::actor_system& system, const caf::strong_actor_ptr& whom) {
  const auto& place = options_.place;
  auto gate = actors::gate_for_hosts(options_.layout.hosts);
  gate.address = place.master_addr;
  gate.port = place.master_port;
  gate.tls = identity_of(options_.network);
  const auto let_in = show(system, whom, place.master_port);
  try {
    try {
      gate_ = std::make_unique<actors::gate>(gate, let_in);
    } catch (const std::exception&) {
      // Others may know this host by an address that it does not have: then it listens at all that it has. A
      // loopback address is never replaced: its port may lack TLS.
      if (io::is_loopback(place.master_addr))
        throw;
      gate.address.clear();
      gate_ = std::make_unique<actors::gate>(gate, let_in);
    }
  } catch (const std::exception& error) {
    throw std::runtime_error{"cannot listen at " + place.master_addr + ":" + std::to_string(place.master_port)
                             + " for the other hosts: " + error.what()};
  }
  spdlog::info("host 0 of {} listens at {}:{} ({})", options_.layout.hosts, place.master_addr, gate_->port(),
               options_.network.is_encrypted() ? "TLS" : "no TLS");
}

actors::outside_line control_network::outside_line(caf::actor_system& system) {
  if (!caller_)
    caller_ = std::make_shared<actors::caller>(identity_of(options_.network));
  return {caller_, broker_of(system)};
}

void control_network::close() {
  if (gate_)
    gate_->close();
  if (caller_)
    caller_->close();
}

} // namespace ckpt::apps
