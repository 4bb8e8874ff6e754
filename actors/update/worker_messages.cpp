// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/update/worker_messages.hpp"

#include "io/engine/pickle_writer.hpp"

#include <variant>
#include <vector>

namespace ckpt::actors {

std::string ring_handle(gpu::device& device) {
  const auto exported = device.export_ring();
  if (const auto* file = std::get_if<gpu::exported_file>(&exported))
    return io::pickle_file_handle(file->path, file->bytes);
  const auto& memory = std::get<gpu::exported_cuda_memory>(exported);
  return io::pickle_cuda_handle({memory.ipc_handle, memory.bytes, memory.counter_name, memory.counter_slot});
}

std::string tensor_list(const update& context, std::uint32_t bucket) {
  const auto& planned = context.plan.buckets[bucket];
  std::vector<io::listed_tensor> list;
  // Owns the shapes to which the list refers.
  std::vector<std::vector<std::uint64_t>> shapes;
  list.reserve(planned.tensors.size());
  shapes.reserve(planned.tensors.size());
  for (const auto& placed : context.plan.tensors_of(planned)) {
    const auto& tensor = context.checkpoint.tensors[placed.tensor];
    shapes.push_back(io::torch_shape(tensor));
    list.push_back({tensor.name, io::torch_name(tensor.type).value(), shapes.back(),
                    planned.slot_offset + placed.bucket_offset});
  }
  return io::pickle_tensor_list(list);
}

} // namespace ckpt::actors
