// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/consumer.hpp"

#include "io/extent.hpp"

#include <algorithm>
#include <cstring>

namespace ckpt::apps::sink {
namespace {

constexpr std::size_t scratch_bytes = 64 << 20;

bool copies(consumption how) {
  return how != consumption::touch && how != consumption::none && how != consumption::hold;
}

} // namespace

consumer::consumer(consumption how) : how_{how}, scratch_(copies(how) ? scratch_bytes : 0) {}

void consumer::consume(std::span<const std::byte> tensor) {
  if (how_ == consumption::touch) {
    for (std::size_t at = 0; at < tensor.size(); at += io::page_bytes)
      static_cast<void>(*const_cast<const volatile std::byte*>(&tensor[at]));
  } else if (copies(how_)) {
    while (!tensor.empty()) {
      if (at_ == scratch_.size())
        at_ = 0;
      const auto count = std::min(tensor.size(), scratch_.size() - at_);
      std::memcpy(&scratch_[at_], tensor.data(), count);
      at_ += count;
      tensor = tensor.subspan(count);
    }
  }
}

} // namespace ckpt::apps::sink
