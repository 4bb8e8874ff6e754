// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/fabric/fabric_relay.hpp"

#include <algorithm>
#include <cassert>

#include <xxhash.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr std::size_t secret_bytes_min = 16;

/// No broadcast has this ticket. Goodbyes use it, with the number of the sending host as the piece.
constexpr ticket goodbye = 0;
constexpr std::byte goodbye_letter{};

} // namespace

std::uint64_t message_tag(std::string_view secret, ticket broadcast, std::uint64_t piece) {
  const std::uint64_t words[] = {broadcast, piece};
  std::string keyed{secret};
  keyed.append(reinterpret_cast<const char*>(words), sizeof words);
  return XXH3_64bits(keyed.data(), keyed.size());
}

fabric_relay::fabric_relay(fabric_options options, host_stream& copies)
    : options_{std::move(options)}, copies_{copies}, fabric_{options_} {
  assert(options_.piece_bytes > 0 && options_.pieces_in_flight_max > 0);
}

fabric_relay::~fabric_relay() noexcept {
  for (const auto& whole : operations_)
    for (auto& asked : whole->incoming)
      fabric_.cancel(asked);
  for (const auto& peer : neighbours_) {
    fabric_.cancel(peer->goodbye_received);
    peer->endpoint.reset();
  }
}

void fabric_relay::connect(const collective_peers& ring, std::vector<std::span<std::byte>> rings) {
  assert(neighbours_.empty() && !rings.empty());
  rings_ = std::move(rings);
  if (ring.host >= ring.hosts || ring.secret.size() < secret_bytes_min)
    throw fabric_error{"host " + std::to_string(ring.host) + " of " + std::to_string(ring.hosts)
                       + " with a secret of " + std::to_string(ring.secret.size()) + " bytes"};
  ring_ = ring;
  if (ring_.hosts == 1)
    return;
  next_ = &add_neighbour((ring_.host + 1) % ring_.hosts, ring_.next_address);
  previous_ = ring_.hosts == 2
                  ? next_
                  : &add_neighbour((ring_.host + ring_.hosts - 1) % ring_.hosts, ring_.previous_address);
}

fabric_relay::neighbour& fabric_relay::add_neighbour(std::uint32_t host, const std::string& address) {
  auto& peer = *neighbours_.emplace_back(std::make_unique<neighbour>());
  peer.host = host;
  peer.goodbye_sent.peer = peer.goodbye_received.peer = &peer;
  peer.goodbye_received.is_incoming = true;
  try {
    peer.endpoint = std::make_unique<fabric_endpoint>(fabric_, address);
  } catch (const fabric_error& error) {
    throw fabric_error{"connect to host " + std::to_string(host) + ": " + error.what()};
  }
  fabric_.receive({&peer.letter, 1}, message_tag(ring_.secret, goodbye, host), peer.goodbye_received);
  return peer;
}

std::span<std::byte> fabric_relay::piece_of(const operation& whole, std::uint32_t piece) const {
  const auto from = piece * options_.piece_bytes;
  return whole.range.subspan(from, std::min(options_.piece_bytes, whole.range.size() - from));
}

void fabric_relay::issue(const order& issued) {
  const auto devices = static_cast<std::uint32_t>(rings_.size());
  const auto root_host = issued.root_rank / devices;
  assert(root_host < ring_.hosts);
  assert(std::ranges::all_of(
      rings_, [&](const auto& ring) { return issued.ring_offset + issued.length <= ring.size(); }));
  const bool is_root = root_host == ring_.host;
  const std::size_t source = is_root ? issued.root_rank % devices : 0;
  auto& whole = *operations_.emplace_back(std::make_unique<operation>());
  whole.issued = issued;
  last_issued_ = issued.number;
  whole.range = rings_[source].subspan(issued.ring_offset, issued.length);
  const auto pieces = (issued.length + options_.piece_bytes - 1) / options_.piece_bytes;
  if (ring_.hosts > 1 && root_host != next_->host)
    whole.outgoing.resize(pieces);
  if (!is_root) {
    whole.incoming.resize(pieces);
    receive_pieces(whole);
    return;
  }
  for (std::uint32_t piece = 0; piece < whole.outgoing.size(); ++piece)
    whole.to_send.push_back(piece);
  copy_to_others(whole, source, whole.range);
}

void fabric_relay::receive_pieces(operation& started) {
  for (std::uint32_t piece = 0; piece < started.incoming.size(); ++piece) {
    auto& asked = started.incoming[piece];
    asked.peer = previous_;
    asked.part_of = &started;
    asked.piece = piece;
    asked.is_incoming = true;
    fabric_.receive(piece_of(started, piece), message_tag(ring_.secret, started.issued.number, piece), asked);
  }
}

void fabric_relay::copy_to_others(operation& whole, std::size_t from_device,
                                  std::span<const std::byte> bytes) {
  if (rings_.size() == 1)
    return;
  const auto offset = bytes.data() - rings_[from_device].data();
  std::vector<host_stream::transfer> transfers;
  for (std::size_t device = 0; device < rings_.size(); ++device)
    if (device != from_device)
      transfers.push_back({rings_[device].data() + offset, bytes.data(), bytes.size()});
  whole.copies = copies_.enqueue(std::move(transfers));
}

bool fabric_relay::turn() {
  const bool moved = fabric_.progress();
  const auto completed = fabric_.take_completed();
  for (auto* ended : completed)
    settle(static_cast<message&>(*ended));
  if (!failure_)
    send_more();
  look_after_neighbours();
  return moved || !completed.empty();
}

void fabric_relay::settle(message& ended) {
  if (ended.part_of != nullptr)
    settle_piece(ended);
  else if (ended.failure == nullptr)
    (ended.is_incoming ? ended.peer->has_left : ended.peer->knows_that_we_leave) = true;
}

void fabric_relay::settle_piece(message& ended) {
  auto& whole = *ended.part_of;
  if (!ended.is_incoming) {
    --whole.sending;
    --sending_;
  }
  if (ended.failure != nullptr) {
    fail(*ended.peer, ended.is_incoming ? "receive from" : "send to", ended.failure);
    return;
  }
  if (!ended.is_incoming) {
    ++whole.sent;
    return;
  }
  ++whole.received;
  copy_to_others(whole, 0, piece_of(whole, ended.piece));
  if (!whole.outgoing.empty())
    whole.to_send.push_back(ended.piece);
}

void fabric_relay::send_more() {
  for (const auto& whole : operations_) {
    while (!whole->to_send.empty() && (sending_ < options_.pieces_in_flight_max || whole->sending == 0)) {
      const auto piece = whole->to_send.front();
      whole->to_send.pop_front();
      auto& sent = whole->outgoing[piece];
      sent.peer = next_;
      sent.part_of = whole.get();
      sent.piece = piece;
      ++whole->sending;
      ++sending_;
      next_->endpoint->send(piece_of(*whole, piece), message_tag(ring_.secret, whole->issued.number, piece),
                            sent);
    }
  }
}

std::vector<fabric_relay::arrival> fabric_relay::take_arrivals() {
  std::vector<arrival> arrivals;
  while (!operations_.empty() && operations_.front()->is_complete()) {
    arrivals.push_back({operations_.front()->issued.number, operations_.front()->copies});
    operations_.pop_front();
  }
  return arrivals;
}

void fabric_relay::look_after_neighbours() {
  if (fabric_.is_broken())
    fail_without_a_reason();
  for (const auto& peer : neighbours_)
    if (peer->endpoint->failure() != nullptr && (!peer->has_left || waits_for(*peer)))
      fail(*peer, "connection to", peer->endpoint->failure());
}

bool fabric_relay::waits_for(const neighbour& peer) const {
  return std::ranges::any_of(operations_, [&](const auto& whole) {
    return (&peer == previous_ && whole->received < whole->incoming.size())
           || (&peer == next_ && whole->sent < whole->outgoing.size());
  });
}

void fabric_relay::fail(const neighbour& peer, const char* doing, const char* reason) {
  // The connection's own error says more than the error of a message on it.
  if (peer.endpoint->failure() != nullptr)
    reason = peer.endpoint->failure();
  fail(std::string{doing} + " host " + std::to_string(peer.host) + ": " + reason);
}

void fabric_relay::fail_without_a_reason() {
  std::string hosts;
  for (const auto& peer : neighbours_)
    hosts += (hosts.empty() ? "host " : " or host ") + std::to_string(peer->host);
  fail("connection to " + hosts + ": UCX gave up on itself, which the end of a peer can make it do");
}

void fabric_relay::fail(const std::string& what) {
  if (failure_)
    return;
  const auto unfinished =
      std::ranges::find_if(operations_, [](const auto& whole) { return !whole->is_complete(); });
  const auto at = unfinished == operations_.end() ? last_issued_ + 1 : (*unfinished)->issued.number;
  failure_ = queue_failure{at, what};
}

void fabric_relay::leave(std::chrono::milliseconds timeout) {
  if (failure_ || !operations_.empty())
    return;
  for (const auto& peer : neighbours_)
    peer->endpoint->send({&goodbye_letter, 1}, message_tag(ring_.secret, goodbye, ring_.host),
                         peer->goodbye_sent);
  const auto deadline = clock::now() + timeout;
  const auto is_parted = [](const auto& peer) {
    return (peer->has_left && peer->knows_that_we_leave) || peer->endpoint->failure() != nullptr;
  };
  while (!failure_ && !std::ranges::all_of(neighbours_, is_parted) && clock::now() < deadline)
    if (!turn())
      wait(10ms);
}

} // namespace ckpt::gpu
