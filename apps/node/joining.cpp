// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/joining.hpp"

#include "actors/peers/peer_reader.hpp"
#include "actors/peers/peer_source.hpp"
#include "actors/update/chunk_source.hpp"
#include "actors/update/deadlines.hpp"
#include "apps/node/own_copy.hpp"
#include "apps/node/peers.hpp"
#include "apps/node/roll_call.hpp"
#include "apps/node/take_part.hpp"
#include "io/checkpoint/tensor_table.hpp"
#include "io/error.hpp"
#include "io/host_address.hpp"
#include "io/plan/plan_digest.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <stop_token>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <spdlog/spdlog.h>

namespace ckpt::apps {
namespace {

using actors::ec;

/// For messages.
constexpr auto name_of_table = "the table of the hosts of --load-metas-file";

/// How long to retry sources whose bytes nobody else has: a network may be away for a moment.
constexpr auto unreachable_max = std::chrono::seconds{5};
constexpr auto ask_again_wait = std::chrono::milliseconds{500};

/// How long the headers of this host's own files may take: other hosts may have everything.
constexpr auto own_headers_max = std::chrono::seconds{30};

/// Larger numbers are mistakes, on which the planner would spend all memory. Throws io::checkpoint_error.
void require_sane_sizes(const actors::weights_table& table) {
  constexpr std::uint64_t bytes_max = std::uint64_t{1} << 50, chunk_bytes_max = 1 << 30, chunks_max = 1 << 26;
  const auto is_sane = [](std::uint64_t size, std::uint64_t size_max) {
    return size >= io::page_bytes && size <= size_max && size % io::page_bytes == 0;
  };
  if ((table.bucket_bytes != 0 && !is_sane(table.bucket_bytes, bytes_max))
      || !is_sane(table.chunk_bytes, chunk_bytes_max) || table.tensor_bytes / table.chunk_bytes > chunks_max)
    throw io::checkpoint_error{name_of_table, "has sizes of buckets or chunks that cannot be"};
}

/// Makes a version from the sources' tables, with the plan for this cluster. Throws when the tables are
/// unsound.
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
  options.bucket_bytes = version.plan.bucket_bytes;
  options.update.chunk_bytes = table.chunk_bytes;
  options.keep_together = std::move(table.keep_together);
  options.checkpoint_path = version.checkpoint.path;
  return version;
}

/// The digests of all chunks that the sources describe.
[[nodiscard]] actors::chunk_digests digests_of(const actors::weights_version& version,
                                               const std::vector<actors::known_source>& sources) {
  actors::chunk_digests digests(version.plan.chunks.size());
  for (const auto& source : sources)
    for (std::size_t i = 0; i < source.chunks.size(); ++i)
      digests.at(source.chunks[i]) = source.digests[i];
  return digests;
}

/// File and offset of the first bytes that cannot be had; usually empty.
[[nodiscard]] std::string missing_bytes(const actors::weights_version& version,
                                        const actors::joined_weights& weights,
                                        const actors::cluster_layout& layout) {
  std::vector<bool> is_there(version.plan.chunks.size());
  for (const auto& source : weights.sources)
    for (const auto chunk : source.chunks)
      is_there.at(chunk) = true;
  for (const auto chunk : actors::owned_chunks(layout, version.plan))
    if (!is_there[chunk] && (!weights.own_files || !weights.digests[chunk])) {
      const auto& planned = version.plan.chunks[chunk];
      return version.checkpoint.files[planned.file].path.string() + " at "
             + std::to_string(planned.window.offset) + ": nobody who is there has these bytes";
    }
  return {};
}

/// Memory for this host's share, which it offers after the update.
[[nodiscard]] std::shared_ptr<io::resident_chunks> room_for(const actors::weights_version& version,
                                                            const actors::joined_weights& weights,
                                                            const actors::cluster_layout& layout) {
  const auto chunks = actors::owned_chunks(layout, version.plan);
  std::vector<std::uint64_t> digests;
  for (const auto chunk : chunks)
    digests.push_back(weights.digests[chunk].value());
  return std::make_shared<io::resident_chunks>(version.plan, chunks, digests);
}

/// Until this host's share can be had, or nobody is likely to come any more.
class joining {
public:
  joining(actor_runtime& runtime, node_options& options, const signal_guard& signals, std::stop_token stop)
      : options_{options}, signals_{signals}, stop_{std::move(stop)},
        own_{options.checkpoint_path,
             std::min<std::chrono::milliseconds>(options.update.timeout, own_headers_max), stop_},
        hosts_{runtime, *options.peers.sources, began_ + options.update.timeout} {}

  /// Throws what planning and reading throws.
  [[nodiscard]] opened_version run(caf::scoped_actor& self) {
    const auto patient_until =
        began_ + std::min<std::chrono::milliseconds>(options_.update.timeout, unreachable_max);
    while (!ask(self) && !signals_.has_come() && actors::meter::clock::now() <= patient_until)
      self->receive([](const caf::exit_msg&) {}, caf::after(ask_again_wait) >> [] {});
    if (!missing_.empty() && own_.files() && !signals_.has_come())
      look_at_own();
    if (!missing_.empty())
      return {nullptr, {ec::host_lost, missing_ + hosts_.describe_missing() + own_.why_not()}};
    describe();
    return open();
  }

private:
  /// True when the sources that have answered have all that this host takes.
  [[nodiscard]] bool ask(caf::scoped_actor& self) {
    hosts_.ask_the_missing(self, signals_);
    if (!version_ && !hosts_.table().files.empty()) {
      version_ = std::make_shared<actors::weights_version>(
          plan_from(hosts_.table(), *options_.peers.sources, options_));
      own_.require_tables_of(version_->checkpoint);
    }
    if (!version_)
      return false;
    weights_.sources = hosts_.sources();
    weights_.digests = digests_of(*version_, weights_.sources);
    missing_ = missing_bytes(*version_, weights_, options_.layout);
    return missing_.empty();
  }

  /// What nobody has who is there may lie in this host's own files. Without any table the sizes of the plan
  /// are those of this host's flags.
  void look_at_own() {
    if (!version_) {
      try {
        const auto table = actors::table_of(*own_.files(), options_.bucket_bytes, options_.update.chunk_bytes,
                                            options_.keep_together);
        version_ =
            std::make_shared<actors::weights_version>(plan_from(table, *options_.peers.sources, options_));
      } catch (const std::exception&) {
        return own_.refuse("they are not those of the version of --load-metas-file, or its hosts had another "
                           "--bucket-size, --chunk-size or --keep-together");
      }
      weights_.digests = digests_of(*version_, {});
    }
    own_.add_digests(weights_.digests, *version_, options_, stop_);
    weights_.own_files = own_.files();
    missing_ = missing_bytes(*version_, weights_, options_.layout);
  }

  void describe() const {
    if (!hosts_.are_all_there())
      spdlog::warn("the weights are taken from {}{}",
                   weights_.sources.empty() ? "this host's own files" : "the others",
                   hosts_.describe_missing());
    spdlog::info("{}: {} tensors, {} in the memory of {} host(s), {} buckets",
                 version_->checkpoint.path.string(), version_->checkpoint.tensors.size(),
                 actors::describe_bytes(version_->checkpoint.tensor_bytes), weights_.sources.size(),
                 version_->plan.buckets.size());
  }

  [[nodiscard]] opened_version open() {
    weights_.own_files = own_.files();
    if (options_.peers.save_metas_file)
      version_->resident = weights_.kept = room_for(*version_, weights_, options_.layout);
    const auto& metas = *options_.peers.sources;
    weights_.secret = metas.secret;
    weights_.name = host_name();
    weights_.bytes_per_second_max = options_.peers.send_bytes_per_second_max;
    weights_.network = network_for(
        std::ranges::all_of(metas.hosts, [](const auto& host) { return io::is_loopback(host.address); }));
    version_->source = std::make_shared<actors::peer_chunks>(std::move(weights_));
    return {std::move(version_), {}};
  }

  node_options& options_;
  const signal_guard& signals_;
  std::stop_token stop_;
  own_copy own_;
  /// Its headers are read: a mount that hangs takes nothing of the time for other hosts.
  const actors::meter::clock::time_point began_ = actors::meter::clock::now();
  roll_call hosts_;
  std::shared_ptr<actors::weights_version> version_;
  actors::joined_weights weights_;
  /// What cannot be had; empty when all is there.
  std::string missing_ = "none of the hosts of --load-metas-file has weights to give";
};

} // namespace

opened_version join(actor_runtime& runtime, node_options& options, const signal_guard& signals) {
  try {
    caf::scoped_actor self{runtime.system()};
    std::stop_source stop;
    const signal_watch watch{signals, [&stop, mailbox = caf::actor_cast<caf::actor>(self)] {
                               stop.request_stop();
                               caf::anon_send_exit(mailbox, caf::exit_reason::user_shutdown);
                             }};
    return joining{runtime, options, signals, stop.get_token()}.run(self);
  } catch (const std::exception& error) {
    return {nullptr, actors::to_cause(error, ec::host_lost)};
  }
}

} // namespace ckpt::apps
