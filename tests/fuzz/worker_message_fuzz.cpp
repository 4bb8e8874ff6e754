// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Any bytes as a message to a worker: they are refused, or every tensor that a list names is refused, or lies
// inside the buffer. All bytes of those are read.

#include "apps/sink/tensor_place.hpp"
#include "apps/sink/worker_message.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <variant>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ckpt::apps::sink;
  static const std::array<std::byte, 4096> buffer{};
  volatile std::byte sum{};
  try {
    const auto message = read_worker_message({reinterpret_cast<const char*>(data), size});
    const auto* list = std::get_if<tensor_list>(&message);
    for (const auto& tensor : list != nullptr ? list->tensors : std::vector<sent_tensor>{}) {
      try {
        const auto place = place_of(tensor, buffer.size());
        for (const auto byte : std::span{buffer}.subspan(place.offset, place.length))
          sum = sum ^ byte;
      } catch (const std::runtime_error&) {
        // This tensor is refused; the next one may be good.
      }
    }
  } catch (const pickle_error&) {
    // Refused: as good as read.
  }
  return 0;
}
