// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of chunk_reader share: every one of them runs on io_uring, on io_uring as an old kernel has
// it, and on threads.

#include "io/read/chunk_reader.hpp"
#include "io/read/slab_pool.hpp"
#include "tests/support/random_file.hpp"
#include "tests/support/temporary_directory.hpp"

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ckpt::io {

struct reader_kind {
  const char* name;
  reader_engine engine;
  bool plain_ring;
};

inline const reader_kind reader_kinds[] = {
    {"io_uring", reader_engine::io_uring, false},
    {"plain_io_uring", reader_engine::io_uring, true},
    {"threads", reader_engine::threads, false},
};

inline std::string name_of(const ::testing::TestParamInfo<reader_kind>& info) { return info.param.name; }

struct chunk_reader_fixture : ::testing::TestWithParam<reader_kind> {
  static constexpr std::uint64_t slab_bytes = 256 << 10;

  tests::temporary_directory directory{std::filesystem::current_path()};
  std::filesystem::path path = directory.path() / "model.safetensors";
  slab_pool slabs{64, slab_bytes};

  [[nodiscard]] static chunk_reader_options options_for(const reader_kind& kind,
                                                        unsigned in_flight_max = 16) {
    chunk_reader_options options;
    options.in_flight_max = in_flight_max;
    options.request_bytes_max = slab_bytes;
    options.engine = kind.engine;
    options.plain_ring = kind.plain_ring;
    options.threads = 3;
    options.copying_threads = in_flight_max; // Bounds nothing but what a test asks for.
    return options;
  }

  [[nodiscard]] static std::unique_ptr<chunk_reader> make_reader(unsigned in_flight_max = 16) {
    return make_chunk_reader(options_for(GetParam(), in_flight_max), {});
  }

  /// The request for `bytes` of `file`, into slab number `tag`.
  [[nodiscard]] read_request request_for(const source_file& file, extent bytes, slab_index tag) {
    const auto window = align_out(bytes, page_bytes);
    return {&file, window, bytes.end() - window.offset, slabs.bytes(tag).data(), tag};
  }

  /// Runs all requests to their end and returns the results by tag. Fails when one comes back twice or never.
  [[nodiscard]] static std::map<std::uint64_t, read_result> run(chunk_reader& reader,
                                                                const std::vector<read_request>& requests) {
    std::map<std::uint64_t, read_result> by_tag;
    std::vector<read_result> results;
    auto next = requests.begin();
    for (int idle_rounds = 0; by_tag.size() < requests.size() && idle_rounds < 300;) {
      while (next != requests.end() && reader.submit(*next))
        ++next;
      results.clear();
      const auto count = reader.wait(std::chrono::milliseconds{100}, results);
      EXPECT_EQ(count, results.size());
      idle_rounds = count == 0 ? idle_rounds + 1 : 0;
      for (const auto& result : results)
        EXPECT_TRUE(by_tag.emplace(result.tag, result).second) << "tag " << result.tag << " came back twice";
    }
    EXPECT_EQ(by_tag.size(), requests.size());
    EXPECT_EQ(reader.in_flight(), 0U);
    return by_tag;
  }

  /// True when `bytes` of the file lie where the request was told to put them.
  [[nodiscard]] static bool holds(const read_request& request, const std::vector<std::byte>& content) {
    return std::memcmp(request.destination, content.data() + request.window.offset, request.needed_bytes)
           == 0;
  }
};

} // namespace ckpt::io
