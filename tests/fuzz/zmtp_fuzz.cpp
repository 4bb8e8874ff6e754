// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Any bytes from whoever connects to a worker's channel, in two portions: they are refused, or what is kept
// of them stays within its bounds.

#include "io/engine/zmtp.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using ckpt::io::zmtp_session;
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const auto cut = size == 0 ? 0 : data[size - 1] % size;
  zmtp_session session;
  try {
    session.receive(bytes.substr(0, cut));
    session.send("message");
    session.receive(bytes.substr(cut));
  } catch (const ckpt::io::zmtp_error&) {
    return 0;
  }
  if (session.unwritten().size() > (16 << 10))
    std::abort();
  for (const auto& reply : session.replies())
    if (reply.size() > zmtp_session::reply_bytes_max || !session.is_open())
      std::abort();
  return 0;
}
