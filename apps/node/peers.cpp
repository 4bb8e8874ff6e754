// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/peers.hpp"

#include "actors/cluster/dialer.hpp"
#include "actors/peers/peer_reader.hpp"
#include "actors/update/deadlines.hpp"
#include "apps/node/control_network.hpp"
#include "apps/node/take_part.hpp"
#include "io/checkpoint/tensor_table.hpp"
#include "io/error.hpp"
#include "io/host_address.hpp"
#include "io/plan/metas_file.hpp"
#include "io/plan/plan_digest.hpp"

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

using actors::cause;
using actors::ec;

/// For messages.
constexpr auto name_of_table = "the table of the hosts of --load-metas-file";

/// How long to retry sources whose bytes nobody else has: a network may be away for a moment.
constexpr auto unreachable_max = std::chrono::seconds{5};
constexpr auto ask_again_wait = std::chrono::milliseconds{500};

/// How long a source may take to describe what it has, however large.
constexpr auto describe_max = std::chrono::seconds{60};

[[nodiscard]] gpu::fabric_options network_for(bool is_local) {
  gpu::fabric_options network;
  if (is_local)
    network.network_devices = "lo"; // No port is open to others.
  network.report_stranger = [](const std::string& what) { spdlog::info("{}", what); };
  return network;
}

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

/// A source that described its share, or the reason why it cannot be one.
struct answer {
  std::optional<actors::known_source> source;
  actors::weights_table table; ///< empty unless it was asked for
  std::string why;
};

/// The reason not to take weights from a source, by its own description; usually empty.
[[nodiscard]] std::string doubt(const actors::peer_share& share, const io::metas& metas,
                                const io::metas_host& host) {
  if (share.failed.code != ec::none)
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
  self->send(actor, actors::peer_hello{metas.secret, host_name(), wants_table});
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

/// Larger numbers are mistakes, on which the planner would spend all memory. Throws io::checkpoint_error.
void require_sane_sizes(const actors::weights_table& table) {
  constexpr std::uint64_t bytes_max = std::uint64_t{1} << 50, chunk_bytes_max = 1 << 30, chunks_max = 1 << 26;
  const auto is_sane = [](std::uint64_t size, std::uint64_t size_max) {
    return size >= io::page_bytes && size <= size_max && size % io::page_bytes == 0;
  };
  if (!is_sane(table.bucket_bytes, bytes_max) || !is_sane(table.chunk_bytes, chunk_bytes_max)
      || table.tensor_bytes / table.chunk_bytes > chunks_max)
    throw io::checkpoint_error{name_of_table, "has sizes of buckets or chunks that cannot be"};
}

/// Makes a version from the sources' tables, with the plan for this cluster. Throws when the tables are unsound.
[[nodiscard]] actors::weights_version plan_from(actors::weights_table table, const io::metas& metas,
                                                node_options& options) {
  actors::weights_version version;
  version.checkpoint.path = io::printable(table.checkpoint_path);
  std::vector<std::uint64_t> shares;
  for (const auto& host : metas.hosts)
    shares.push_back(host.share_digest);
  const auto content = io::digest_of_share({}, shares);
  for (auto& file : table.files) {
    auto& known = version.checkpoint.files.emplace_back();
    known.path = version.checkpoint.path / std::filesystem::path{file.name}.filename();
    known.bytes = file.bytes;
    known.data_offset = file.data_offset;
    known.content_digest = content; // Shows that hosts of one cluster were given different metas files.
  }
  version.checkpoint.tensors = std::move(table.tensors);
  version.checkpoint.tensor_bytes = table.tensor_bytes;
  io::require_sound_table(version.checkpoint, name_of_table);
  require_sane_sizes(table);
  io::require_sendable(version.checkpoint);
  version.plan = io::plan_buckets(version.checkpoint,
                                  {table.bucket_bytes, table.chunk_bytes, options.layout.rank_count(),
                                   options.layout.devices_per_host, table.keep_together});
  if (io::digest_of_tables(version.checkpoint, version.plan) != metas.tables_digest)
    throw std::runtime_error{
        "the hosts of --load-metas-file cut their weights into other chunks than this program: "
        "install the same version on all hosts"};
  options.bucket_bytes = table.bucket_bytes;
  options.update.chunk_bytes = table.chunk_bytes;
  options.keep_together = std::move(table.keep_together);
  options.checkpoint_path = version.checkpoint.path;
  return version;
}

/// File and offset of the first bytes that no source has; usually empty.
[[nodiscard]] std::string missing_bytes(const actors::weights_version& version,
                                        const std::vector<actors::known_source>& sources,
                                        const actors::cluster_layout& layout) {
  std::unordered_set<std::uint32_t> there;
  for (const auto& source : sources)
    there.insert(source.chunks.begin(), source.chunks.end());
  for (const auto chunk : actors::owned_chunks(layout, version.plan))
    if (!there.contains(chunk)) {
      const auto& planned = version.plan.chunks[chunk];
      return version.checkpoint.files[planned.file].path.string() + " at "
             + std::to_string(planned.window.offset);
    }
  return {};
}

/// The hosts of a metas file, and what is known of them so far.
class roll_call {
public:
  roll_call(actor_runtime& runtime, const io::metas& metas, actors::meter::clock::time_point deadline)
      : line_{runtime.network().outside_line(runtime.system())}, metas_{metas}, deadline_{deadline},
        why_(metas.hosts.size()), is_there_(metas.hosts.size()) {}

  /// Asks the hosts that have not answered yet. Returns early when this process is told to end.
  void ask_the_missing(caf::scoped_actor& self, const signal_guard& signals) {
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

  [[nodiscard]] std::vector<actors::known_source>& sources() noexcept { return sources_; }
  [[nodiscard]] const actors::weights_table& table() const noexcept { return table_; }
  [[nodiscard]] bool are_all_there() const { return std::ranges::all_of(is_there_, std::identity{}); }

  /// "; node1 at 10.0.0.1:4711: Connection refused", for each host that has not answered.
  [[nodiscard]] std::string describe_missing() const {
    std::string text;
    for (std::size_t index = 0; index < metas_.hosts.size(); ++index)
      if (const auto& host = metas_.hosts[index]; !is_there_[index])
        text +=
            "; " + host.name + " at " + host.address + ":" + std::to_string(host.port) + ": " + why_[index];
    return text;
  }

private:
  actors::outside_line line_;
  const io::metas& metas_;
  actors::meter::clock::time_point deadline_;
  std::vector<actors::known_source> sources_;
  actors::weights_table table_;
  std::vector<std::string> why_; ///< by host
  std::vector<bool> is_there_;
};

/// Memory for this host's share, which it offers after the update.
[[nodiscard]] std::shared_ptr<io::resident_chunks> room_for(const actors::weights_version& version,
                                                            const std::vector<actors::known_source>& sources,
                                                            const actors::cluster_layout& layout) {
  std::unordered_map<std::uint32_t, std::uint64_t> known;
  for (const auto& source : sources)
    for (std::size_t i = 0; i < source.chunks.size(); ++i)
      known.emplace(source.chunks[i], source.digests[i]);
  const auto chunks = actors::owned_chunks(layout, version.plan);
  std::vector<std::uint64_t> digests;
  for (const auto chunk : chunks)
    digests.push_back(known.at(chunk));
  return std::make_shared<io::resident_chunks>(version.plan, chunks, digests);
}

} // namespace

share_offer::share_offer(actor_runtime& runtime, const node_options& options,
                         const actors::version_ptr& version) {
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
  source_ = system.spawn(actors::peer_source, std::move(source));
  try {
    gate_ = runtime.network().offer(system, caf::actor_cast<caf::strong_actor_ptr>(source_), address);
    described_.port = gate_->port();
  } catch (...) {
    caf::anon_send_exit(source_, caf::exit_reason::user_shutdown);
    throw;
  }
}

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

opened_version join(actor_runtime& runtime, node_options& options, const signal_guard& signals) {
  const auto& metas = *options.peers.sources;
  try {
    caf::scoped_actor self{runtime.system()};
    const signal_watch watch{signals, [mailbox = caf::actor_cast<caf::actor>(self)] {
                               caf::anon_send_exit(mailbox, caf::exit_reason::user_shutdown);
                             }};
    const auto began = actors::meter::clock::now();
    roll_call hosts{runtime, metas, began + options.update.timeout};
    const auto patient_until =
        began + std::min<std::chrono::milliseconds>(options.update.timeout, unreachable_max);
    std::shared_ptr<actors::weights_version> version;
    for (;;) {
      hosts.ask_the_missing(self, signals);
      if (!version && !hosts.table().files.empty())
        version = std::make_shared<actors::weights_version>(plan_from(hosts.table(), metas, options));
      const auto missing = version ? missing_bytes(*version, hosts.sources(), options.layout) : std::string{};
      if (version && missing.empty())
        break;
      if (signals.has_come() || actors::meter::clock::now() > patient_until)
        return {nullptr,
                {ec::host_lost, (version ? missing + ": nobody who is there has these bytes"
                                         : "none of the hosts of --load-metas-file has weights to give")
                                    + hosts.describe_missing()}};
      self->receive([](const caf::exit_msg&) {}, caf::after(ask_again_wait) >> [] {});
    }
    if (!hosts.are_all_there())
      spdlog::warn("the weights are taken from the others{}", hosts.describe_missing());
    spdlog::info("{}: {} tensors, {} in the memory of {} host(s), {} buckets",
                 version->checkpoint.path.string(), version->checkpoint.tensors.size(),
                 actors::describe_bytes(version->checkpoint.tensor_bytes), hosts.sources().size(),
                 version->plan.buckets.size());
    std::shared_ptr<io::resident_chunks> kept;
    if (options.peers.save_metas_file)
      version->resident = kept = room_for(*version, hosts.sources(), options.layout);
    const bool is_local =
        std::ranges::all_of(metas.hosts, [](const auto& host) { return io::is_loopback(host.address); });
    version->source = std::make_shared<actors::peer_chunks>(std::move(hosts.sources()), metas.secret,
                                                            network_for(is_local), std::move(kept));
    return {std::move(version), {}};
  } catch (const std::exception& error) {
    return {nullptr, actors::to_cause(error, ec::host_lost)};
  }
}

} // namespace ckpt::apps
