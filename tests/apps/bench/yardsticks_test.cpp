// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// What is asked of other programs, and what is understood of their answers.

#include "apps/bench/yardsticks.hpp"

#include "apps/bench/child.hpp"
#include "apps/bench/pread_loop.hpp"
#include "apps/bench/scratch_checkpoint.hpp"
#include "apps/bench/staged_read.hpp"
#include "io/checkpoint/checkpoint.hpp"
#include "tests/support/random_file.hpp"
#include "tests/support/temporary_directory.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::apps::bench {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(fio_command, reads_all_files_directly_and_never_writes) {
  const auto command = fio_command("/opt/fio", {4 << 20, 32}, {"/a/one", "/a/two:three"});
  EXPECT_EQ(command.front(), "/opt/fio");
  EXPECT_THAT(command, Contains("--filename=/a/one:/a/two\\:three"));
  EXPECT_THAT(command, Contains("--rw=read"));
  EXPECT_THAT(command, Contains("--readonly"));
  EXPECT_THAT(command, Contains("--direct=1"));
  EXPECT_THAT(command, Contains("--bs=4194304"));
  EXPECT_THAT(command, Contains("--iodepth=32"));
  EXPECT_EQ(name(fio_job{4 << 20, 32}), "fio 4 MiB x 32");
}

TEST(fio_command, gives_fio_huge_pages_when_told) {
  const fio_job job{1 << 20, 16, true};
  EXPECT_EQ(name(job), "fio 1 MiB x 16, huge pages");
  const auto command = fio_command("/opt/fio", job, {"/a"});
  EXPECT_EQ(command.at(0), "env");
  EXPECT_EQ(command.at(1), "GLIBC_TUNABLES=glibc.malloc.hugetlb=1");
  EXPECT_EQ(command.at(2), "/opt/fio");
}

TEST(parse_fio, takes_bytes_and_milliseconds_of_the_job_and_skips_what_is_printed_before) {
  const auto result = parse_fio(
      "note: both iodepth >= 1\n"
      R"({"fio version":"fio-3.33","jobs":[{"error":0,"read":{"io_bytes":1048576,"runtime":2500}}]})"
      "\n");
  EXPECT_EQ(result.bytes, 1'048'576U);
  EXPECT_DOUBLE_EQ(result.seconds, 2.5);
}

TEST(parse_fio, refuses_everything_else) {
  for (const auto* output :
       {"", "fio: no such file", "{", "{}", R"({"jobs":[]})", R"({"jobs":[{"error":0}]})",
        R"({"jobs":[{"error":5,"read":{"io_bytes":1,"runtime":1}}]})",
        R"({"jobs":[{"error":0,"read":{"io_bytes":"x","runtime":1}}]})", R"({"jobs":7})"})
    EXPECT_THROW(static_cast<void>(parse_fio(output)), std::runtime_error) << output;
}

TEST(parse_python, takes_bytes_and_both_times_and_skips_what_is_printed_before) {
  const auto result = parse_python("warning: slow\n"
                                   R"({"bytes": 12, "seconds": 0.25, "cpu_seconds": 0.5})");
  EXPECT_EQ(result.bytes, 12U);
  EXPECT_DOUBLE_EQ(result.seconds, 0.25);
  EXPECT_DOUBLE_EQ(result.cpu_seconds, 0.5);
  EXPECT_THROW(static_cast<void>(parse_python("Traceback")), std::runtime_error);
  EXPECT_THROW(static_cast<void>(parse_python("[]")), std::runtime_error);
  EXPECT_THROW(static_cast<void>(parse_python("{\"bytes\": 1}")), std::runtime_error);
  EXPECT_THROW(static_cast<void>(parse_python("{\"bytes\": 1, \"seconds\": 2}")), std::runtime_error);
}

TEST(parse_versions, takes_the_packages_that_are_there) {
  EXPECT_THAT(parse_versions(R"({"python": "3.11.7", "torch": "2.15.0", "runai-model-streamer": null})"),
              ElementsAre(Pair("python", "3.11.7"), Pair("torch", "2.15.0")));
  EXPECT_THROW(static_cast<void>(parse_versions("Traceback")), std::runtime_error);
  EXPECT_THROW(static_cast<void>(parse_versions("[]")), std::runtime_error);
}

TEST(run_program, returns_what_was_printed) { EXPECT_EQ(run_program({"echo", "a b"}), "a b\n"); }

TEST(run_program, a_program_that_fails_or_does_not_exist_is_an_error_with_its_words) {
  try {
    static_cast<void>(run_program({"sh", "-c", "echo so sad >&2; exit 3"}));
    FAIL() << "took a failure for success";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("status 3"));
    EXPECT_THAT(error.what(), HasSubstr("so sad"));
  }
  EXPECT_THROW(static_cast<void>(run_program({"/nowhere/program"})), std::system_error);
}

TEST(child, is_killed_with_its_object_and_waits_no_longer_than_told) {
  const tests::temporary_directory directory{std::filesystem::current_path()};
  child sleeper{{"sleep", "1000"}, directory.path() / "log"};
  EXPECT_THROW(sleeper.wait(std::chrono::milliseconds{1}), std::runtime_error);
  sleeper.terminate();
  EXPECT_EQ(sleeper.wait(std::chrono::seconds{30}), 128 + 15);
}

TEST(staged_read, reads_every_byte_of_a_checkpoint_and_says_where_from) {
  const tests::temporary_directory directory{std::filesystem::current_path()};
  scratch_checkpoint checkpoint{directory.path()};
  checkpoint.write_random(20 << 20);
  staged_read_options options;
  options.chunk_bytes = 1 << 20;
  options.in_flight_max = 4;
  staged_read reader{options};
  const auto just_written = reader.run(checkpoint.path());
  EXPECT_GE(just_written.bytes, 20U << 20);
  EXPECT_LT(just_written.bytes, 21U << 20);
  EXPECT_EQ(reader.cached_fraction(), 1);

  file_list files;
  for (const auto& file : io::open_checkpoint(checkpoint.path()).files)
    files.push_back(file.path);
  EXPECT_EQ(cached_fraction(files), 1);
  drop(files);
  EXPECT_EQ(cached_fraction(files), 0);
  EXPECT_EQ(reader.run(checkpoint.path()).bytes, just_written.bytes);
  EXPECT_LT(reader.cached_fraction(), 1);

  warm_up(files);
  EXPECT_EQ(cached_fraction(files), 1);
  EXPECT_GE(read_with_pread(files).bytes, 20U << 20);
}

TEST(scratch_checkpoint, writes_headers_of_as_many_tensors_and_shards_and_disappears) {
  const tests::temporary_directory directory{std::filesystem::current_path()};
  {
    scratch_checkpoint checkpoint{directory.path()};
    EXPECT_FALSE(checkpoint.exists());
    checkpoint.write_headers(300, 7);
    const auto written = io::open_checkpoint(checkpoint.path());
    EXPECT_EQ(written.tensors.size(), 300U);
    EXPECT_EQ(written.files.size(), 7U);
    checkpoint.write_headers(10, 2);
    EXPECT_EQ(io::open_checkpoint(checkpoint.path()).tensors.size(), 10U);
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

} // namespace
} // namespace ckpt::apps::bench
