// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Follows the messages of CAF's protocol (BASP) in a stream of bytes. CAF allocates as much for a payload as
// its header says, up to 4 GiB, before one byte of it has come. Pure; one thread.
//
//   header, 32 bytes: operation 1 │ padding 2 │ flags 1 │ payload's length 4, big endian │ 24 bytes more
//   payload

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ckpt::actors {

class message_lengths {
public:
  static constexpr std::size_t header_bytes = 32;

  explicit message_lengths(std::uint64_t payload_bytes_max) noexcept
      : payload_bytes_max_{payload_bytes_max} {}

  /// False once a header announces a longer payload: then nothing of these bytes may reach CAF.
  [[nodiscard]] bool follow(std::string_view bytes) noexcept {
    while (!bytes.empty()) {
      const auto of_payload = std::min<std::uint64_t>(payload_left_, bytes.size());
      payload_left_ -= of_payload;
      bytes.remove_prefix(of_payload);
      const auto of_header = std::min(payload_left_ > 0 ? 0 : header_bytes - header_has_, bytes.size());
      std::copy_n(bytes.begin(), of_header, header_.begin() + header_has_);
      header_has_ += of_header;
      bytes.remove_prefix(of_header);
      if (header_has_ < header_bytes)
        continue;
      header_has_ = 0;
      for (const auto byte : std::string_view{header_.data() + 4, 4})
        payload_left_ = payload_left_ << 8 | static_cast<unsigned char>(byte);
      if (payload_left_ > payload_bytes_max_)
        return false;
    }
    return true;
  }

private:
  std::uint64_t payload_bytes_max_;
  std::uint64_t payload_left_ = 0; ///< of the message that has begun
  std::size_t header_has_ = 0;
  std::array<char, header_bytes> header_{};
};

} // namespace ckpt::actors
