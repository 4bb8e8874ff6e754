// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/peers.hpp"

#include "actors/peers/peer_source.hpp"
#include "apps/node/control_network.hpp"
#include "apps/node/take_part.hpp"
#include "io/host_address.hpp"
#include "io/plan/plan_digest.hpp"

#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

/// The address at which hosts that join reach this one.
[[nodiscard]] std::string own_address(const node_options& options) {
  if (!options.peers.address.empty())
    return options.peers.address;
  if (options.place.hosts == 1)
    return "127.0.0.1"; // Open to nobody else without --peer-address.
  if (options.place.host == 0)
    return options.place.master_addr;
  return io::address_towards(options.place.master_addr, options.place.master_port);
}

} // namespace

gpu::fabric_options network_for(bool is_local) {
  gpu::fabric_options network;
  if (is_local)
    network.network_devices = "lo"; // No port is open to others.
  network.report_stranger = [](const std::string& what) { spdlog::info("{}", what); };
  return network;
}

share_offer::share_offer(actor_runtime& runtime, const node_options& options,
                         const actors::version_ptr& version)
    : secret_{std::make_shared<actors::peer_secret>()} {
  const auto address = own_address(options);
  actors::peer_source_options source;
  source.version = version;
  source.share = actors::share_of(*version, options.layout, host_name());
  source.secret = secret_;
  source.chunk_bytes = options.update.chunk_bytes;
  source.keep_together = options.keep_together;
  source.network = network_for(io::is_loopback(address));
  source.bytes_per_second_max = options.peers.send_bytes_per_second_max;
  described_ = {address, 0, source.share.tables_digest,
                io::digest_of_share(source.share.chunks, source.share.digests)};
  auto& system = runtime.system();
  source_ = caf::actor_cast<caf::actor>(system.spawn(actors::peer_source, std::move(source)));
  try {
    gate_ = runtime.network().offer(system, caf::actor_cast<caf::strong_actor_ptr>(source_), address);
    described_.port = gate_->port();
  } catch (...) {
    caf::anon_send_exit(source_, caf::exit_reason::user_shutdown);
    throw;
  }
}

void share_offer::know(std::string secret) { secret_->set(std::move(secret)); }

std::string share_offer::secret() const { return secret_->get(); }

share_offer::~share_offer() noexcept {
  gate_->close();
  secret_->withdraw();
  caf::anon_send_exit(source_, caf::exit_reason::user_shutdown);
}

io::metas metas_of(const node_options& options, const actors::update_verdict& verdict,
                   const std::string& secret) {
  io::metas metas;
  metas.checkpoint_name = options.update.checkpoint_name;
  metas.weight_version = options.update.weight_version;
  metas.secret = secret;
  metas.is_encrypted = options.network.is_encrypted();
  for (const auto& host : verdict.hosts) {
    if (host.offer.address.empty())
      throw std::runtime_error{host.name + " does not offer its share"};
    metas.tables_digest = host.offer.tables_digest;
    metas.hosts.push_back({host.name, host.offer.address, host.offer.port, host.offer.share_digest});
  }
  return metas;
}

} // namespace ckpt::apps
