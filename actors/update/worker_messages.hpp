// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The messages that a worker gets in an update, as they go over the channel.

#include "actors/update/update.hpp"
#include "gpu/device.hpp"

#include <cstdint>
#include <string>

namespace ckpt::actors {

/// The handle with which the worker opens the device's ring. Throws what gpu::device::export_ring throws.
[[nodiscard]] std::string ring_handle(gpu::device& device);

/// The tensors of a bucket: name, type, shape, and place in the ring.
[[nodiscard]] std::string tensor_list(const update& context, std::uint32_t bucket);

} // namespace ckpt::actors
