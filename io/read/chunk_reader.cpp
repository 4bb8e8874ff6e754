// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Chooses the reader, and names the errors that are not errno's.

#include "io/read/chunk_reader.hpp"

#include "io/read/ring_reader.hpp"
#include "io/read/thread_reader.hpp"
#include "io/usable_cores.hpp"

#include <algorithm>

namespace ckpt::io {

namespace {

class read_error_category final : public std::error_category {
public:
  [[nodiscard]] const char* name() const noexcept override { return "read"; }
  [[nodiscard]] std::string message(int code) const override {
    if (code == static_cast<int>(read_errc::truncated))
      return "the file ended before the data that its header promises";
    return "unknown read error " + std::to_string(code);
  }
};

} // namespace

const std::error_category& read_category() noexcept {
  static const read_error_category category;
  return category;
}

std::error_code make_error_code(read_errc code) noexcept { return {static_cast<int>(code), read_category()}; }

unsigned useful_copying_threads() { return std::min(usable_cores(), 8u); }

std::unique_ptr<chunk_reader> make_chunk_reader(const chunk_reader_options& options,
                                                const std::function<void(std::string_view)>& log) {
  if (options.engine != reader_engine::threads) {
    try {
      return std::make_unique<ring_reader>(options);
    } catch (const std::system_error& refusal) {
      if (options.engine == reader_engine::io_uring)
        throw;
      if (log)
        log(std::string{"no io_uring, reading with "} + std::to_string(options.threads) + " threads instead: "
            + refusal.what() + " (errno " + std::to_string(refusal.code().value()) + ")");
    }
  }
  return std::make_unique<thread_reader>(options);
}

} // namespace ckpt::io
