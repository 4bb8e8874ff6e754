// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/cuda_device.hpp"

#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/cuda_host.hpp"
#include "gpu/cuda/cuda_stream.hpp"
#include "gpu/cuda/ipc_counter.hpp"
#include "gpu/cuda/pinned_memory.hpp"
#include "gpu/cuda/use_gpu.hpp"
#include "gpu/host/work_mark.hpp"

#include <cassert>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <cuda_runtime_api.h>

namespace ckpt::gpu {
namespace {

/// CUDA IPC shares whole blocks of this size: a ring that fills its last block exposes no other memory.
constexpr std::uint64_t block_bytes = 2 << 20;

class cuda_device final : public device {
public:
  cuda_device(int ordinal, cuda_options options, std::shared_ptr<pinned_memory> pinned)
      : ordinal_{ordinal}, options_{std::move(options)}, pinned_{std::move(pinned)} {
    auto identity = describe_gpu(ordinal);
    uuid_ = std::move(identity.uuid);
    node_ = identity.memory_node;
    mark_.emplace(uuid_, options_.counter_directory);
    ipc_counter::remove_stale(options_.counter_directory, uuid_);
    description_ = "GPU " + std::to_string(ordinal) + " (" + identity.name + ")";
  }

  cuda_device(const cuda_device&) = delete;
  cuda_device& operator=(const cuda_device&) = delete;

  ~cuda_device() noexcept override {
    free_ring(); // cudaFree() waits for copies that are under way.
  }

  [[nodiscard]] const std::string& uuid() const noexcept override { return uuid_; }
  [[nodiscard]] const std::string& description() const noexcept override { return description_; }

  [[nodiscard]] std::optional<unsigned> memory_node() const override { return node_; }

  [[nodiscard]] bool was_abandoned() const noexcept override {
    const std::lock_guard lock{exports_};
    return mark_->was_abandoned();
  }

  void stay_abandoned(bool stays) noexcept override {
    const std::lock_guard lock{exports_};
    mark_->stay(stays);
  }

  void pin(std::span<std::byte> memory) override { pinned_->add(memory); }

  void unpin(std::span<const std::byte> memory) noexcept override { pinned_->remove(memory); }

  void begin_run(std::uint64_t bytes) override {
    assert(bytes > 0);
    copies_.reset();
    copies_.emplace(ordinal_);
    if (memory_ != nullptr && is_released() && bytes_ >= bytes)
      return;
    free_ring();
    use_gpu(ordinal_);
    bytes_ = (bytes + block_bytes - 1) / block_bytes * block_bytes;
    void* memory = nullptr;
    check_cuda(cudaMalloc(&memory, bytes_),
               "cudaMalloc of " + std::to_string(bytes_) + " bytes for the ring of " + description_);
    memory_ = static_cast<std::byte*>(memory);
    is_exported_ = false;
    counter_.emplace(uuid_, options_.counter_directory);
  }

  void end_run() noexcept override { copies_.reset(); }

  [[nodiscard]] ring_export export_ring() override {
    const std::lock_guard lock{exports_};
    if (is_withdrawn_)
      throw std::runtime_error{"this process is ending"};
    assert(memory_ != nullptr);
    cudaIpcMemHandle_t handle;
    use_gpu(ordinal_);
    check_cuda(cudaIpcGetMemHandle(&handle, memory_), "cudaIpcGetMemHandle of the ring of " + description_);
    if (std::exchange(is_exported_, true))
      counter_.emplace(uuid_, options_.counter_directory); // The worker of an earlier update has its own.
    exported_cuda_memory exported;
    if (options_.form == handle_form::versioned)
      exported.ipc_handle = "\x01"
                            "c";
    exported.ipc_handle.append(handle.reserved, sizeof handle.reserved);
    exported.bytes = bytes_;
    exported.counter_name = counter_->name();
    exported.counter_slot = ipc_counter::slot();
    return exported;
  }

  /// Nothing to hide: the worker looks for its counter only when it lets go. The next process removes the
  /// counter of a killed one.
  void hide_export() noexcept override {}

  void withdraw_export() noexcept override {
    const std::lock_guard lock{exports_};
    is_withdrawn_ = true;
    if (counter_)
      counter_->hide();
    mark_->take_away();
  }

  [[nodiscard]] bool is_released() const noexcept override {
    return !is_exported_ || counter_->is_released();
  }

  ticket copy(const std::byte* source, std::span<const copy_piece> pieces) override {
    return copies_->enqueue("cudaMemcpyAsync", [&](CUstream_st* stream) {
      for (const auto& piece : pieces)
        if (const auto status = copy_piece_of(source, piece, stream); status != cudaSuccess)
          return status;
      return cudaSuccess;
    });
  }

  [[nodiscard]] queue_progress wait(ticket seen, std::chrono::milliseconds timeout) override {
    return copies_->wait(seen, timeout);
  }

  [[nodiscard]] cuda_ring ring() const noexcept { return {memory_, bytes_, ordinal_}; }

private:
  /// To free a ring that a worker has open is undefined behaviour: such a ring stays until this process ends.
  void free_ring() noexcept {
    if (memory_ == nullptr)
      return;
    if (is_released()) {
      use_gpu_if_possible(ordinal_);
      static_cast<void>(cudaFree(memory_));
    }
    memory_ = nullptr;
  }

  /// One copy for each registration that the piece touches.
  [[nodiscard]] cudaError_t copy_piece_of(const std::byte* source, copy_piece piece, cudaStream_t stream) {
    assert(piece.ring_offset + piece.length <= bytes_);
    while (piece.length > 0) {
      const auto* begin = source + piece.source_offset;
      const auto bytes = pinned_->copyable(begin, piece.length);
      const auto status =
          cudaMemcpyAsync(memory_ + piece.ring_offset, begin, bytes, cudaMemcpyHostToDevice, stream);
      if (status != cudaSuccess)
        return status;
      piece.source_offset += bytes;
      piece.ring_offset += bytes;
      piece.length -= bytes;
    }
    return cudaSuccess;
  }

  int ordinal_;
  cuda_options options_;
  std::string uuid_;
  std::string description_;
  std::optional<unsigned> node_;
  mutable std::mutex exports_; ///< guards the mark, the counter and whether there are to be no more exports
  std::optional<work_mark> mark_; ///< set once the uuid is known
  bool is_withdrawn_ = false;
  std::byte* memory_ = nullptr;
  std::uint64_t bytes_ = 0;
  std::optional<ipc_counter> counter_; ///< of the last export, or for the first
  bool is_exported_ = false;
  std::shared_ptr<pinned_memory> pinned_;
  std::optional<cuda_stream> copies_; // Last: its operations use what is pinned.
};

} // namespace

std::vector<std::unique_ptr<device>> open_cuda_devices(std::span<const std::uint32_t> ordinals,
                                                       const cuda_options& options) {
  const int count = count_gpus();
  for (const auto ordinal : ordinals)
    if (ordinal >= static_cast<std::uint32_t>(count))
      throw cuda_error{"GPU " + std::to_string(ordinal) + " is wanted, but this host shows only "
                       + std::to_string(count) + " to this process"};
  std::vector<std::unique_ptr<device>> devices;
  if (ordinals.empty())
    return devices;
  const auto pinned = std::make_shared<pinned_memory>(static_cast<int>(ordinals.front()));
  for (const auto ordinal : ordinals)
    devices.push_back(std::make_unique<cuda_device>(static_cast<int>(ordinal), options, pinned));
  return devices;
}

cuda_ring ring_of(const device& gpu) { return dynamic_cast<const cuda_device&>(gpu).ring(); }

} // namespace ckpt::gpu
