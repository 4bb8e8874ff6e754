// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/roll_call.hpp"

#include "actors/cluster/cluster_interfaces.hpp"
#include "apps/node/control_network.hpp"
#include "apps/node/take_part.hpp"
#include "io/error.hpp"
#include "io/plan/plan_digest.hpp"

#include <chrono>
#include <optional>
#include <utility>

#include <caf/actor_system.hpp>

namespace ckpt::apps {
namespace {

/// How long a source may take to describe what it has, however large.
constexpr auto describe_max = std::chrono::seconds{60};

/// A source that described its share, or the reason why it cannot be one.
struct answer {
  std::optional<actors::known_source> source;
  actors::weights_table table; ///< empty unless it was asked for
  std::string why;
};

/// The reason not to take weights from a source, by its own description; usually empty.
[[nodiscard]] std::string doubt(const actors::peer_share& share, const io::metas& metas,
                                const io::metas_host& host) {
  if (share.failed.code != actors::ec::none)
    return io::printable(share.failed.what);
  if (share.chunks.size() != share.digests.size() || share.tables_digest != metas.tables_digest
      || io::digest_of_share(share.chunks, share.digests) != host.share_digest)
    return "it has another version than the file says";
  return {};
}

/// Asks one source for its share. Waits until `deadline`, or until this process is told to end.
[[nodiscard]] answer ask(caf::scoped_actor& self, const actors::outside_line& line, const io::metas& metas,
                         const io::metas_host& host, bool wants_table,
                         actors::meter::clock::time_point deadline) {
  answer result;
  if (actors::meter::clock::now() > deadline) {
    result.why = "not asked: the others have taken all of --timeout";
    return result;
  }
  const auto reached = actors::reach(self.ptr(), line, host.address, host.port);
  if (!reached || reached->actor == nullptr) {
    result.why = reached ? reached->why : "interrupted";
    return result;
  }
  const auto actor = caf::actor_cast<actors::peer_source_actor>(reached->actor);
  self->send(actor, actors::peer_hello{actors::protocol_version, metas.secret, host_name(), wants_table});
  bool is_over = false;
  result.why = "it does not answer";
  self->receive_while([&] { return !is_over; })(
      [&](actors::peer_share& share) {
        if (self->current_sender() == nullptr || self->current_sender()->address() != actor.address())
          return; // From a source that was given up.
        is_over = true;
        result.why = doubt(share, metas, host);
        if (!result.why.empty())
          return;
        result.source =
            actors::known_source{actor, host.name + " at " + host.address + ":" + std::to_string(host.port),
                                 std::move(share.chunks), std::move(share.digests)};
        result.table = std::move(share.table);
      },
      [&](const caf::exit_msg&) { is_over = true; },
      caf::after(
          std::min<actors::meter::clock::duration>(describe_max, deadline - actors::meter::clock::now()))
          >> [&] { is_over = true; });
  return result;
}

} // namespace

roll_call::roll_call(actor_runtime& runtime, const io::metas& metas,
                     actors::meter::clock::time_point deadline)
    : line_{runtime.network().outside_line(runtime.system())}, metas_{metas}, deadline_{deadline},
      why_(metas.hosts.size()), is_there_(metas.hosts.size()) {}

void roll_call::ask_the_missing(caf::scoped_actor& self, const signal_guard& signals) {
  for (std::size_t index = 0; index < metas_.hosts.size() && !signals.has_come(); ++index) {
    if (is_there_[index])
      continue;
    auto asked = ask(self, line_, metas_, metas_.hosts[index], table_.files.empty(), deadline_);
    is_there_[index] = asked.source.has_value();
    why_[index] = std::move(asked.why);
    if (!asked.source)
      continue;
    sources_.push_back(std::move(*asked.source));
    if (table_.files.empty())
      table_ = std::move(asked.table);
  }
}

std::string roll_call::describe_missing() const {
  std::string text;
  for (std::size_t index = 0; index < metas_.hosts.size(); ++index)
    if (const auto& host = metas_.hosts[index]; !is_there_[index])
      text += "; " + host.name + " at " + host.address + ":" + std::to_string(host.port) + ": " + why_[index];
  return text;
}

} // namespace ckpt::apps
