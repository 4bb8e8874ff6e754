// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/host/host_device.hpp"

#include <cassert>
#include <cstdio>
#include <random>
#include <stdexcept>

namespace ckpt::gpu {
namespace {

constexpr auto file_prefix = "ckpt-actor-ring-";

/// Random, so that two processes on one host can never be taken for one device.
std::string random_uuid() {
  std::random_device random;
  const auto word = [&] { return static_cast<unsigned>(random()); };
  const unsigned a = word(), b = word(), c = word(), d = word();
  char text[48];
  std::snprintf(text, sizeof text, "GPU-%08x-%04x-%04x-%04x-%04x%08x", a, b >> 16, b & 0xffff, c >> 16,
                c & 0xffff, d);
  return text;
}

} // namespace

unsigned remove_stale_rings(const std::filesystem::path& directory) noexcept {
  return remove_stale_files(directory, file_prefix);
}

host_device::host_device(unsigned index, std::filesystem::path directory)
    : uuid_{random_uuid()}, description_{"host memory " + std::to_string(index)},
      directory_{std::move(directory)}, queue_name_{"copy-" + std::to_string(index)} {}

host_device::host_device(unsigned index, std::string uuid, std::filesystem::path directory)
    : uuid_{std::move(uuid)}, description_{"host memory " + std::to_string(index)},
      directory_{std::move(directory)}, queue_name_{"copy-" + std::to_string(index)} {
  mark_.emplace(uuid_, directory_);
}

host_device::~host_device() noexcept = default;

void host_device::begin_run(std::uint64_t ring_bytes) {
  stream_.emplace(queue_name_);
  // A file that has lost its name cannot get another one.
  if (ring_ && !ring_->path().empty() && ring_->bytes().size() >= ring_bytes)
    return;
  ring_.reset(); // First: there may not be room for both.
  remove_stale_rings(directory_);
  ring_.emplace(directory_, ring_bytes, "the ring of " + description_);
}

bool host_device::was_abandoned() const noexcept {
  const std::lock_guard lock{exports_};
  return mark_ && mark_->was_abandoned();
}

void host_device::stay_abandoned(bool stays) noexcept {
  const std::lock_guard lock{exports_};
  if (mark_)
    mark_->stay(stays);
}

ring_export host_device::export_ring() {
  const std::lock_guard lock{exports_};
  if (is_withdrawn_)
    throw std::runtime_error{"this process is ending"};
  assert(ring_);
  if (ring_->path().empty())
    ring_->publish(file_prefix + uuid_.substr(4) + "-" + random_text());
  return exported_file{ring_->path().string(), ring_->bytes().size()};
}

void host_device::hide_export() noexcept {
  const std::lock_guard lock{exports_};
  if (ring_ && !keeps_ring_)
    ring_->hide();
}

void host_device::withdraw_export() noexcept {
  const std::lock_guard lock{exports_};
  is_withdrawn_ = true;
  if (ring_)
    ring_->hide();
  if (mark_)
    mark_->take_away();
}

ticket host_device::copy(const std::byte* source, std::span<const copy_piece> pieces) {
  std::vector<host_stream::transfer> transfers;
  transfers.reserve(pieces.size());
  for (const auto& piece : pieces) {
    assert(piece.ring_offset + piece.length <= ring().size());
    transfers.push_back({ring().data() + piece.ring_offset, source + piece.source_offset, piece.length});
  }
  return stream_->enqueue(std::move(transfers));
}

queue_progress host_device::wait(ticket seen, std::chrono::milliseconds timeout) {
  return stream_->wait(seen, timeout);
}

host_collective::host_collective(std::vector<const host_device*> devices)
    : devices_{std::move(devices)}, stream_{"broadcast"} {}

ticket host_collective::broadcast(std::uint32_t root_rank, std::uint64_t ring_offset, std::uint64_t length) {
  std::vector<host_stream::transfer> transfers;
  const auto* source = devices_.at(root_rank)->ring().data() + ring_offset;
  for (const auto* target : devices_) {
    assert(ring_offset + length <= target->ring().size());
    if (target != devices_[root_rank])
      transfers.push_back({target->ring().data() + ring_offset, source, length});
  }
  return stream_.enqueue(std::move(transfers));
}

queue_progress host_collective::wait(ticket seen, std::chrono::milliseconds timeout) {
  return stream_.wait(seen, timeout);
}

} // namespace ckpt::gpu
