// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/cuda/imported_ring.hpp"

#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/cuda_host.hpp"
#include "gpu/cuda/cuda_stream.hpp"
#include "gpu/cuda/find_difference.hpp"
#include "gpu/cuda/ipc_counter.hpp"
#include "gpu/cuda/use_gpu.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <cuda_runtime_api.h>

namespace ckpt::gpu {
namespace {

/// Far more than the GPU's caches hold, so that copies cost memory bandwidth.
constexpr std::uint64_t scratch_bytes = 256 << 20;

/// Bytes that are compared at a time.
constexpr std::uint64_t compare_bytes = 4 << 20;

/// Memory of a GPU for a comparison.
struct comparison {
  std::byte expected[compare_bytes];
  unsigned long long first;
};

constexpr std::string_view versioned_prefix{"\x01"
                                            "c",
                                            2};

cudaIpcMemHandle_t handle_in(std::string_view text) {
  cudaIpcMemHandle_t handle;
  if (text.size() == sizeof handle + versioned_prefix.size() && text.starts_with(versioned_prefix))
    text.remove_prefix(versioned_prefix.size());
  if (text.size() != sizeof handle)
    throw cuda_error{"a CUDA IPC handle of " + std::to_string(text.size()) + " bytes is of no known form"};
  std::memcpy(&handle, text.data(), sizeof handle);
  return handle;
}

class cuda_imported_ring final : public imported_ring {
public:
  cuda_imported_ring(const exported_cuda_memory& exported, int ordinal)
      : counter_name_{exported.counter_name},
        counter_slot_{exported.counter_slot}, bytes_{exported.bytes}, ordinal_{ordinal}, stream_{ordinal} {
    use_gpu(ordinal_);
    void* memory = nullptr;
    check_cuda(cudaIpcOpenMemHandle(&memory, handle_in(exported.ipc_handle), cudaIpcMemLazyEnablePeerAccess),
               "cudaIpcOpenMemHandle on GPU " + std::to_string(ordinal_));
    memory_ = static_cast<std::byte*>(memory);
  }

  cuda_imported_ring(const cuda_imported_ring&) = delete;
  cuda_imported_ring& operator=(const cuda_imported_ring&) = delete;

  ~cuda_imported_ring() noexcept override {
    use_gpu_if_possible(ordinal_);
    static_cast<void>(cudaStreamSynchronize(stream_.raw()));
    static_cast<void>(cudaFree(scratch_));
    static_cast<void>(cudaFree(comparison_));
    static_cast<void>(cudaIpcCloseMemHandle(memory_));
    sign_off(counter_name_, counter_slot_);
  }

  void copy_out(std::uint64_t offset, std::uint64_t length) override {
    require_inside(offset, length);
    use_gpu(ordinal_);
    if (scratch_ == nullptr)
      scratch_ = static_cast<std::byte*>(allocate(scratch_bytes));
    for (std::uint64_t done = 0; done < length; done += scratch_bytes)
      check_cuda(cudaMemcpyAsync(scratch_, memory_ + offset + done, std::min(scratch_bytes, length - done),
                                 cudaMemcpyDeviceToDevice, stream_.raw()),
                 "cudaMemcpyAsync on GPU " + std::to_string(ordinal_));
  }

  void settle() override {
    use_gpu(ordinal_);
    check_cuda(cudaStreamSynchronize(stream_.raw()),
               "cudaStreamSynchronize on GPU " + std::to_string(ordinal_));
  }

  std::optional<std::uint64_t> difference(std::uint64_t offset,
                                          std::span<const std::byte> expected) override {
    require_inside(offset, expected.size());
    use_gpu(ordinal_);
    if (comparison_ == nullptr)
      comparison_ = static_cast<comparison*>(allocate(sizeof(comparison)));
    for (std::uint64_t at = 0; at < expected.size(); at += compare_bytes) {
      const auto piece = expected.subspan(at, std::min<std::uint64_t>(compare_bytes, expected.size() - at));
      if (const auto first = compare(offset + at, piece); first != no_difference)
        return at + first;
    }
    return std::nullopt;
  }

  void read(std::uint64_t offset, std::span<std::byte> destination) override {
    require_inside(offset, destination.size());
    use_gpu(ordinal_);
    check_cuda(cudaMemcpy(destination.data(), memory_ + offset, destination.size(), cudaMemcpyDeviceToHost),
               "cudaMemcpy from GPU " + std::to_string(ordinal_));
  }

private:
  /// At most compare_bytes. The index of the first difference, or no_difference.
  unsigned long long compare(std::uint64_t offset, std::span<const std::byte> expected) {
    auto first = no_difference;
    check_cuda(cudaMemcpyAsync(comparison_->expected, expected.data(), expected.size(),
                               cudaMemcpyHostToDevice, stream_.raw()),
               "cudaMemcpyAsync on GPU " + std::to_string(ordinal_));
    static_assert(no_difference == ~0ull); // All its bytes are 0xff.
    check_cuda(cudaMemsetAsync(&comparison_->first, 0xff, sizeof first, stream_.raw()),
               "cudaMemsetAsync on GPU " + std::to_string(ordinal_));
    check_cuda(find_difference(memory_ + offset, comparison_->expected, expected.size(), &comparison_->first,
                               stream_.raw()),
               "a comparison on GPU " + std::to_string(ordinal_));
    check_cuda(
        cudaMemcpyAsync(&first, &comparison_->first, sizeof first, cudaMemcpyDeviceToHost, stream_.raw()),
        "cudaMemcpyAsync from GPU " + std::to_string(ordinal_));
    settle();
    return first;
  }

  [[nodiscard]] void* allocate(std::uint64_t bytes) const {
    void* made = nullptr;
    check_cuda(cudaMalloc(&made, bytes),
               "cudaMalloc of " + std::to_string(bytes) + " bytes on GPU " + std::to_string(ordinal_));
    return made;
  }

  void require_inside(std::uint64_t offset, std::uint64_t length) const {
    if (offset > bytes_ || length > bytes_ - offset)
      throw cuda_error{"bytes beyond the end of the ring are wanted"};
  }

  std::string counter_name_;
  std::uint64_t counter_slot_;
  std::uint64_t bytes_;
  int ordinal_;
  std::byte* memory_ = nullptr;
  std::byte* scratch_ = nullptr;
  comparison* comparison_ = nullptr;
  cuda_stream stream_;
};

} // namespace

std::unique_ptr<imported_ring> import_ring(const exported_cuda_memory& exported, const std::string& uuid) {
  const int count = count_gpus();
  for (int ordinal = 0; ordinal < count; ++ordinal)
    if (describe_gpu(ordinal).uuid == uuid)
      return std::make_unique<cuda_imported_ring>(exported, ordinal);
  throw cuda_error{"none of the " + std::to_string(count) + " GPUs that this process sees is " + uuid};
}

} // namespace ckpt::gpu
