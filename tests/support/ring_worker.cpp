// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/ring_worker.hpp"

#include "gpu/cuda/cuda_error.hpp"
#include "gpu/cuda/imported_ring.hpp"
#include "tests/support/mapped_memory.hpp"

#include <csignal>
#include <memory>
#include <sstream>
#include <variant>
#include <vector>

namespace ckpt::tests {

std::string sum_of(std::span<const std::byte> bytes) {
  std::string sum(8, '\0');
  for (std::size_t at = 0; at < bytes.size(); ++at)
    sum[at % 8] = static_cast<char>(sum[at % 8] * 31 + static_cast<char>(bytes[at]));
  return sum;
}

std::string ring_worker::open(gpu::device& from) const {
  const auto exported = std::get<gpu::exported_cuda_memory>(from.export_ring());
  process_.talk().send(from.uuid() + ' ' + std::to_string(exported.bytes) + ' ' + exported.counter_name + ' '
                       + std::to_string(exported.counter_slot));
  process_.talk().send(exported.ipc_handle);
  return process_.talk().receive();
}

std::string ring_worker::ask(const std::string& what) const {
  process_.talk().send(what);
  return process_.talk().receive();
}

void ring_worker::kill() {
  process_.signal(SIGKILL);
  static_cast<void>(process_.wait());
}

int ring_worker::play(conversation& talk) {
  std::istringstream order{talk.receive()};
  std::string uuid;
  gpu::exported_cuda_memory exported;
  order >> uuid >> exported.bytes >> exported.counter_name >> exported.counter_slot;
  exported.ipc_handle = talk.receive();
  std::unique_ptr<gpu::imported_ring> ring;
  try {
    ring = gpu::import_ring(exported, uuid);
  } catch (const gpu::cuda_error& error) {
    talk.send(std::string{"refused: "} + error.what());
    return 1;
  }
  talk.send("open");
  for (auto word = talk.receive(); !word.empty(); word = talk.receive()) {
    if (word == "look") {
      std::vector<std::byte> bytes(exported.bytes);
      ring->read(0, bytes);
      talk.send(sum_of(bytes));
    } else if (word == "close") {
      ring.reset();
      talk.send("closed");
    } else {
      mapped_memory expected{exported.bytes};
      expected.fill(std::stoull(word));
      const auto differs = ring->difference(0, expected.bytes());
      talk.send(differs ? std::to_string(*differs) : "nowhere");
    }
  }
  return 0;
}

} // namespace ckpt::tests
