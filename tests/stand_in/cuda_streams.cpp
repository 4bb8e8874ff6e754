// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The CUDA runtime's functions for streams, what is put into them, and events.

#include "tests/stand_in/call.hpp"
#include "tests/stand_in/copies.hpp"
#include "tests/stand_in/stand_in.hpp"
#include "tests/stand_in/stream.hpp"

#include <mutex>
#include <utility>

namespace {

using namespace ckpt::stand_in;

/// Why nothing can be put into the stream, or success.
cudaError_t refusal(const std::shared_ptr<CUstream_st>& stream) {
  if (!stream || stream->gpu != current_gpu())
    return cudaErrorInvalidResourceHandle;
  return stream->failure();
}

std::shared_ptr<CUstream_st> named(cudaStream_t stream) {
  if (stream == nullptr)
    undefined("something is put into the default stream, which the stand-in has not");
  return find_stream(stream);
}

/// A GPU copies for its own streams, and from and to other GPUs.
bool is_on(const planned_copy& plan, int gpu) {
  const auto* to = std::get_if<device_place>(&plan.destination);
  const auto* from = std::get_if<device_place>(&plan.source);
  return (to != nullptr && to->range->gpu == gpu) || (from != nullptr && from->range->gpu == gpu);
}

std::shared_ptr<mark> latest_of(CUevent_st& event) {
  const std::lock_guard lock{event.mutex};
  return event.latest;
}

} // namespace

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* pStream, unsigned flags) {
  return call([&] {
    if (pStream == nullptr || (flags != cudaStreamDefault && flags != cudaStreamNonBlocking))
      return cudaErrorInvalidValue;
    *pStream = make_stream(current_gpu());
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return call([&] { return destroy_stream(stream) ? cudaSuccess : cudaErrorInvalidResourceHandle; });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call([&] {
    const auto found = named(stream);
    return found ? found->push_mark()->wait() : cudaErrorInvalidResourceHandle;
  });
}

cudaError_t cudaMemcpyAsync(void* dst, const void* src, std::size_t count, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return call([&] {
    const auto found = named(stream);
    if (const auto refused = refusal(found); refused != cudaSuccess)
      return refused;
    if (count == 0)
      return cudaSuccess;
    planned_copy plan;
    if (const auto status = plan_copy(plan, dst, src, count, kind); status != cudaSuccess)
      return status;
    if (!is_on(plan, found->gpu))
      return cudaErrorInvalidValue;
    const bool waits = plan.is_synchronous();
    found->push([plan = std::move(plan)] { return carry_out(plan); });
    return waits ? found->push_mark()->wait() : cudaSuccess;
  });
}

cudaError_t cudaMemsetAsync(void* devPtr, int value, std::size_t count, cudaStream_t stream) {
  return call([&] {
    const auto found = named(stream);
    if (const auto refused = refusal(found); refused != cudaSuccess)
      return refused;
    auto place = gpu_memory().find(devPtr, count);
    if (!place || place->range->gpu != found->gpu)
      return cudaErrorInvalidValue;
    found->push([place = std::move(*place), value, count] {
      fill(place, value, count);
      return cudaSuccess;
    });
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return call([&] {
    constexpr unsigned known_flags = cudaEventBlockingSync | cudaEventDisableTiming;
    if (event == nullptr || (flags & ~known_flags) != 0)
      return cudaErrorInvalidValue;
    *event = make_event(current_gpu());
    return cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return call([&] { return destroy_event(event) ? cudaSuccess : cudaErrorInvalidResourceHandle; });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call([&] {
    const auto found = named(stream);
    if (const auto refused = refusal(found); refused != cudaSuccess)
      return refused;
    const auto recorded = find_event(event);
    if (!recorded || recorded->gpu != found->gpu)
      return cudaErrorInvalidResourceHandle;
    const std::lock_guard lock{recorded->mutex};
    recorded->latest = found->push_mark();
    return cudaSuccess;
  });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return call([&] {
    const auto found = find_event(event);
    if (!found)
      return cudaErrorInvalidResourceHandle;
    const auto latest = latest_of(*found);
    return latest ? latest->query() : cudaSuccess;
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call([&] {
    const auto found = find_event(event);
    if (!found)
      return cudaErrorInvalidResourceHandle;
    const auto latest = latest_of(*found);
    return latest ? latest->wait() : cudaSuccess;
  });
}
