// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The contract of chunk_reader while all goes well: every byte, every request once, every bound kept, and the
// page cache used but not disturbed.

#include "tests/io/read/chunk_reader_fixture.hpp"

#include <array>
#include <random>

#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

namespace ckpt::io {
namespace {

using tests::cached_pages;
using tests::describe;
using tests::make_cold;
using tests::make_warm;
using tests::write_random_file;

struct chunk_reader_test : chunk_reader_fixture {
  /// 200 random ranges of a file in the present state of the cache, compared with what was written.
  void check_random_ranges(const source_file& file, const std::vector<std::byte>& content) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random{seed};
    const auto reader = make_reader();
    for (int round = 0; round < 4; ++round) {
      std::vector<read_request> requests;
      for (slab_index tag = 0; tag < 50; ++tag) {
        const auto offset = random() % (content.size() - 1);
        // One page less than a slab: the window around an unaligned range may be a page longer.
        const auto length_max = std::min<std::uint64_t>(content.size() - offset, slab_bytes - page_bytes);
        requests.push_back(request_for(file, {offset, 1 + random() % length_max}, tag));
      }
      const auto results = run(*reader, requests);
      for (const auto& request : requests) {
        ASSERT_FALSE(results.at(request.tag).error) << results.at(request.tag).error.message();
        ASSERT_TRUE(holds(request, content))
            << "range at " << request.window.offset << " + " << request.needed_bytes;
      }
    }
  }
};

TEST_P(chunk_reader_test, reads_random_ranges_of_a_cold_file) {
  const auto content = write_random_file(path, 3'000'001, 1);
  make_cold(path);
  check_random_ranges(source_file{describe(path)}, content);
}

TEST_P(chunk_reader_test, reads_random_ranges_of_a_warm_file) {
  const auto content = write_random_file(path, 3'000'001, 2);
  make_warm(path);
  check_random_ranges(source_file{describe(path)}, content);
}

TEST_P(chunk_reader_test, reads_random_ranges_of_a_partly_warm_file_just_written) {
  const auto content = write_random_file(path, 3'000'001, 3);
  const source_file file{describe(path)};
  ASSERT_EQ(::fsync(io::fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)}.number()), 0);
  file.drop_from_cache({1 << 20, 1 << 20});
  check_random_ranges(file, content);
}

TEST_P(chunk_reader_test, reads_random_ranges_where_direct_reads_are_refused) {
  const auto content = write_random_file(path, 3'000'001, 4);
  make_cold(path);
  source_file_options options;
  options.direct = false;
  check_random_ranges(source_file{describe(path), options}, content);
}

TEST_P(chunk_reader_test, reads_windows_over_the_end_of_files_of_every_length) {
  const auto reader = make_reader();
  for (const std::uint64_t bytes : {1, 511, 512, 513, 4095, 4096, 4097, 8191, 8192, 200'000}) {
    for (const auto warmth : {make_cold, make_warm}) {
      const auto content = write_random_file(path, bytes, bytes);
      warmth(path);
      const source_file file{describe(path)};
      const auto whole = request_for(file, {0, bytes}, 0);
      const auto last = request_for(file, {bytes - 1, 1}, 1);
      const auto results = run(*reader, {whole, last});
      EXPECT_FALSE(results.at(0).error) << bytes;
      EXPECT_FALSE(results.at(1).error) << bytes;
      EXPECT_TRUE(holds(whole, content)) << bytes;
      EXPECT_TRUE(holds(last, content)) << bytes;
    }
  }
}

TEST_P(chunk_reader_test, takes_in_flight_max_requests_and_refuses_more) {
  const auto content = write_random_file(path, 64 * page_bytes, 5);
  make_cold(path);
  const source_file file{describe(path)};
  const auto reader = make_reader(5);
  std::vector<read_request> requests;
  for (slab_index tag = 0; tag < 64; ++tag)
    requests.push_back(request_for(file, {tag * page_bytes, page_bytes}, tag));
  for (unsigned i = 0; i < 5; ++i)
    EXPECT_TRUE(reader->submit(requests[i]));
  EXPECT_EQ(reader->in_flight(), 5U);
  EXPECT_FALSE(reader->submit(requests[5]));

  std::vector<read_result> results;
  while (reader->in_flight() > 0)
    reader->wait(std::chrono::seconds{10}, results);
  EXPECT_EQ(results.size(), 5U);
  EXPECT_EQ(run(*reader, requests).size(), 64U);
  for (const auto& request : requests)
    EXPECT_TRUE(holds(request, content)) << request.tag;
}

TEST_P(chunk_reader_test, takes_a_copy_for_each_copying_thread_and_one_that_waits) {
  const auto content = write_random_file(path, 64 * page_bytes, 6);
  make_warm(path);
  const source_file warm{describe(path)};
  auto options = options_for(GetParam(), 16);
  options.copying_threads = 2;
  const auto reader = make_chunk_reader(options, {});
  std::vector<read_request> requests;
  for (slab_index tag = 0; tag < 8; ++tag)
    requests.push_back(request_for(warm, {tag * page_bytes, page_bytes}, tag));
  EXPECT_TRUE(reader->submit(requests[0]));
  EXPECT_TRUE(reader->submit(requests[1]));
  EXPECT_TRUE(reader->submit(requests[2]));
  EXPECT_FALSE(reader->submit(requests[3]));
  EXPECT_EQ(reader->in_flight(), 3U);
  std::vector<read_result> results;
  while (reader->in_flight() > 0)
    reader->wait(std::chrono::seconds{10}, results);
  EXPECT_EQ(run(*reader, requests).size(), 8U) << "the permission comes back";
  for (const auto& request : requests)
    EXPECT_TRUE(holds(request, content)) << request.tag;
}

TEST_P(chunk_reader_test, one_copying_thread_makes_its_copies_one_after_the_other) {
  const auto content = write_random_file(path, 64 * page_bytes, 7);
  make_warm(path);
  const source_file warm{describe(path)};
  auto options = options_for(GetParam());
  options.copying_threads = 1;
  const auto reader = make_chunk_reader(options, {});
  std::vector<read_request> requests;
  for (slab_index tag = 0; tag < 8; ++tag)
    requests.push_back(request_for(warm, {tag * page_bytes, page_bytes}, tag));
  EXPECT_TRUE(reader->submit(requests[0]));
  EXPECT_FALSE(reader->submit(requests[1]));
  std::vector<read_result> results;
  while (reader->in_flight() > 0)
    reader->wait(std::chrono::seconds{10}, results);
  EXPECT_EQ(run(*reader, requests).size(), 8U);
  for (const auto& request : requests)
    EXPECT_TRUE(holds(request, content)) << request.tag;
}

TEST_P(chunk_reader_test, waiting_for_nothing_returns_at_once) {
  const auto reader = make_reader();
  std::vector<read_result> results;
  EXPECT_EQ(reader->wait(std::chrono::hours{1}, results), 0U);
  EXPECT_TRUE(results.empty());
}

TEST_P(chunk_reader_test, names_its_engine) {
  EXPECT_EQ(make_reader()->engine_name(),
            GetParam().engine == reader_engine::threads ? "threads" : "io_uring");
}

TEST_P(chunk_reader_test, signals_disturb_nothing) {
  const auto content = write_random_file(path, 8'000'000, 6);
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0); // without SA_RESTART
  const itimerval often{{0, 200}, {0, 200}};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &often, nullptr), 0);
  for (const auto warmth : {make_cold, make_warm}) {
    warmth(path);
    check_random_ranges(source_file{describe(path)}, content);
  }
  const itimerval never{};
  ::setitimer(ITIMER_REAL, &never, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
}

/// What a read of the window of one slab at the start of a file says about its way.
struct chunk_reader_cache_test : chunk_reader_fixture {
  [[nodiscard]] read_path path_taken(const source_file& file) {
    const auto result = run(*make_reader(), {request_for(file, {8, slab_bytes - 8}, 0)}).at(0);
    EXPECT_FALSE(result.error) << result.error.message();
    return result.path;
  }
};

TEST_P(chunk_reader_cache_test, a_cold_file_is_read_directly_and_stays_cold) {
  write_random_file(path, 2'000'000, 1);
  const source_file file{describe(path)};
  if (file.direct_fd() < 0)
    GTEST_SKIP() << "no O_DIRECT below the build directory";
  make_cold(path);
  EXPECT_EQ(path_taken(file), read_path::direct);
  EXPECT_EQ(cached_pages(path), 0U);
}

TEST_P(chunk_reader_cache_test, a_warm_file_is_taken_from_the_cache_and_stays_warm) {
  write_random_file(path, 2'000'000, 2);
  make_warm(path);
  const auto before = cached_pages(path);
  EXPECT_EQ(path_taken(source_file{describe(path)}), read_path::page_cache);
  EXPECT_EQ(cached_pages(path), before);
}

TEST_P(chunk_reader_cache_test, a_file_just_written_is_taken_from_the_cache) {
  write_random_file(path, 2'000'000, 3);
  EXPECT_EQ(path_taken(source_file{describe(path)}), read_path::page_cache);
}

TEST_P(chunk_reader_cache_test, a_partly_cached_window_is_read_directly_and_the_cache_stays_as_it_was) {
  write_random_file(path, 2'000'000, 4);
  make_cold(path);
  const source_file file{describe(path)};
  if (file.direct_fd() < 0)
    GTEST_SKIP() << "no O_DIRECT below the build directory";
  std::array<std::byte, 10'000> some;
  ASSERT_EQ(::pread(file.buffered_fd(), some.data(), some.size(), 50'000), 10'000);
  const auto before = cached_pages(path);
  ASSERT_GT(before, 0U);
  ASSERT_EQ(file.residency_of({0, slab_bytes}), residency::part);
  EXPECT_EQ(path_taken(file), read_path::direct);
  EXPECT_EQ(cached_pages(path), before);
}

TEST_P(chunk_reader_cache_test, where_direct_reads_are_refused_a_cold_file_stays_cold) {
  write_random_file(path, 2'000'000, 5);
  make_cold(path);
  source_file_options options;
  options.direct = false;
  EXPECT_EQ(path_taken(source_file{describe(path), options}), read_path::page_cache);
  EXPECT_EQ(cached_pages(path), 0U);
}

TEST_P(chunk_reader_cache_test, where_direct_reads_are_refused_what_was_cached_stays_cached) {
  write_random_file(path, 2'000'000, 6);
  make_warm(path);
  source_file_options options;
  options.direct = false;
  const source_file file{describe(path), options};
  const auto before = cached_pages(path);
  EXPECT_EQ(path_taken(file), read_path::page_cache);
  EXPECT_EQ(cached_pages(path), before);
}

INSTANTIATE_TEST_SUITE_P(readers, chunk_reader_test, ::testing::ValuesIn(reader_kinds), name_of);
INSTANTIATE_TEST_SUITE_P(readers, chunk_reader_cache_test, ::testing::ValuesIn(reader_kinds), name_of);

} // namespace
} // namespace ckpt::io
