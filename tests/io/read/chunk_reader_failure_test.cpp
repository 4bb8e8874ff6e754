// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The contract of chunk_reader when things go wrong: truncation, I/O errors, reads that hang, kernels that
// refuse.

#include "tests/io/read/chunk_reader_fixture.hpp"

#include <cerrno>
#include <cstddef>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace ckpt::io {
namespace {

using tests::describe;
using tests::make_cold;
using tests::make_warm;
using tests::write_random_file;

struct chunk_reader_failure_test : chunk_reader_fixture {};

TEST_P(chunk_reader_failure_test, a_file_truncated_after_opening_is_reported_for_the_windows_it_lost) {
  for (const auto is_direct : {true, false}) {
    const auto content = write_random_file(path, 1'000'000, 1);
    make_cold(path);
    source_file_options options;
    options.direct = is_direct;
    const source_file file{describe(path), options};
    std::filesystem::resize_file(path, 300'000);
    const auto kept = request_for(file, {100'000, 100'000}, 0);
    const auto last_byte_kept = request_for(file, {290'000, 10'000}, 1);
    const auto first_byte_lost = request_for(file, {290'000, 10'001}, 2);
    const auto lost = request_for(file, {600'000, 100'000}, 3);
    const auto results = run(*make_reader(), {kept, last_byte_kept, first_byte_lost, lost});
    EXPECT_FALSE(results.at(0).error) << results.at(0).error.message();
    EXPECT_FALSE(results.at(1).error) << results.at(1).error.message();
    EXPECT_TRUE(holds(kept, content));
    EXPECT_TRUE(holds(last_byte_kept, content));
    EXPECT_EQ(results.at(2).error, read_errc::truncated);
    EXPECT_EQ(results.at(3).error, read_errc::truncated);
  }
}

TEST_P(chunk_reader_failure_test, an_io_error_arrives_with_its_errno_and_spares_the_others) {
  const auto content = write_random_file(path, 100'000, 2);
  make_cold(path);
  const source_file good{describe(path)};
  // Nothing is mapped at address 0 of this process.
  const source_file bad{describe("/proc/self/mem")};
  const auto sound = request_for(good, {0, 100'000}, 1);
  const auto results = run(*make_reader(), {request_for(bad, {0, page_bytes}, 0), sound});
  EXPECT_EQ(results.at(0).error, std::errc::io_error) << results.at(0).error.message();
  EXPECT_FALSE(results.at(1).error);
  EXPECT_TRUE(holds(sound, content));
}

TEST_P(chunk_reader_failure_test, draining_forgets_the_requests_under_way_and_leaves_a_reader_that_works) {
  const auto content = write_random_file(path, 64 * slab_bytes, 3);
  for (const auto warmth : {make_cold, make_warm}) {
    warmth(path);
    const source_file file{describe(path)};
    const auto reader = make_reader(32);
    for (slab_index tag = 0; tag < 32; ++tag)
      ASSERT_TRUE(reader->submit(request_for(file, {tag * slab_bytes, slab_bytes}, tag)));
    std::vector<read_result> results;
    reader->wait(std::chrono::milliseconds{0}, results);
    ASSERT_TRUE(reader->drain(std::chrono::seconds{30}));
    EXPECT_EQ(reader->in_flight(), 0U);

    const auto request = request_for(file, {63 * slab_bytes, slab_bytes}, 63);
    const auto after = run(*reader, {request});
    EXPECT_FALSE(after.at(63).error);
    EXPECT_TRUE(holds(request, content));
  }
}

TEST_P(chunk_reader_failure_test, draining_when_nothing_is_under_way_succeeds_without_waiting) {
  const auto reader = make_reader();
  EXPECT_TRUE(reader->drain(std::chrono::milliseconds{0}));
}

TEST_P(chunk_reader_failure_test, destroying_a_reader_with_reads_under_way_is_safe) {
  write_random_file(path, 32 * slab_bytes, 4);
  make_cold(path);
  const source_file file{describe(path)};
  {
    const auto reader = make_reader(32);
    for (slab_index tag = 0; tag < 32; ++tag)
      ASSERT_TRUE(reader->submit(request_for(file, {tag * slab_bytes, slab_bytes}, tag)));
    std::vector<read_result> results;
    reader->wait(std::chrono::milliseconds{0}, results);
  }
  // Were a read still under way, it would destroy the pattern.
  std::memset(slabs.memory().data(), 0x5a, slabs.memory().size());
  for (const auto byte : slabs.memory())
    ASSERT_EQ(byte, std::byte{0x5a});
}

/// Memory in which the first access hangs until it is let go: a read into it is stuck in the kernel.
class stuck_memory {
public:
  stuck_memory() : control_{static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK))} {
    uffdio_api api{};
    api.api = UFFD_API;
    if (!control_ || ::ioctl(control_.number(), UFFDIO_API, &api) != 0)
      return;
    memory_ = static_cast<std::byte*>(
        ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    uffdio_register area{};
    area.range = {reinterpret_cast<std::uintptr_t>(memory_), page_bytes};
    area.mode = UFFDIO_REGISTER_MODE_MISSING;
    is_usable_ = ::ioctl(control_.number(), UFFDIO_REGISTER, &area) == 0;
  }
  stuck_memory(const stuck_memory&) = delete;
  stuck_memory& operator=(const stuck_memory&) = delete;
  ~stuck_memory() noexcept {
    if (memory_ != nullptr)
      ::munmap(memory_, page_bytes);
  }

  [[nodiscard]] bool is_usable() const { return is_usable_; }
  [[nodiscard]] std::byte* data() const { return memory_; }

  [[nodiscard]] bool wait_until_touched() const {
    // A descriptor without O_NONBLOCK would report an error here instead of waiting.
    pollfd event{control_.number(), POLLIN, 0};
    return ::poll(&event, 1, 30'000) == 1 && (event.revents & POLLIN) != 0;
  }

  void let_go() {
    uffdio_range range{reinterpret_cast<std::uintptr_t>(memory_), page_bytes};
    ::ioctl(control_.number(), UFFDIO_UNREGISTER, &range);
  }

private:
  fd control_;
  std::byte* memory_ = nullptr;
  bool is_usable_ = false;
};

TEST_P(chunk_reader_failure_test, draining_gives_up_at_its_deadline_when_a_read_is_stuck) {
  stuck_memory memory;
  if (!memory.is_usable())
    GTEST_SKIP() << "userfaultfd is refused here";
  write_random_file(path, page_bytes, 5);
  make_warm(path);
  const source_file file{describe(path)};
  const auto reader = make_reader();
  auto request = request_for(file, {0, page_bytes}, 0);
  request.destination = memory.data();
  ASSERT_TRUE(reader->submit(request));
  std::vector<read_result> results;
  EXPECT_EQ(reader->wait(std::chrono::milliseconds{1}, results), 0U);
  ASSERT_TRUE(memory.wait_until_touched());

  // A kernel worker can be interrupted in this state; a thread of ours can not.
  const auto is_drained = reader->drain(std::chrono::milliseconds{50});
  if (GetParam().engine == reader_engine::threads) {
    EXPECT_FALSE(is_drained);
  }
  memory.let_go();
  EXPECT_TRUE(reader->drain(std::chrono::seconds{30}));
  EXPECT_EQ(reader->in_flight(), 0U);
}

/// From here on every call to a ring of this process fails.
void break_rings() {
  const fd other{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  for (const auto& each : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone; // The iterator's own descriptor.
    if (std::filesystem::read_symlink(each.path(), gone) == "anon_inode:[io_uring]")
      ::dup2(other.number(), std::stoi(each.path().filename()));
  }
}

using ring_reader_test = chunk_reader_fixture;

TEST_F(ring_reader_test, whose_ring_fails_does_not_claim_that_nothing_writes_any_more) {
  write_random_file(path, slab_bytes, 8);
  const source_file file{describe(path)};
  const auto reader = make_chunk_reader(options_for({"io_uring", reader_engine::io_uring, false}), {});
  ASSERT_TRUE(reader->submit(request_for(file, {0, slab_bytes}, 0)));
  break_rings();
  std::vector<read_result> results;
  EXPECT_THROW(reader->wait(std::chrono::milliseconds{1}, results), std::system_error);
  EXPECT_FALSE(reader->drain(std::chrono::seconds{30}));
}

using thread_reader_test = chunk_reader_fixture;

TEST_F(thread_reader_test, no_more_than_copying_threads_copy_while_the_others_read_from_the_disk) {
  stuck_memory memories[2];
  if (!memories[0].is_usable() || !memories[1].is_usable())
    GTEST_SKIP() << "userfaultfd is refused here";
  const auto cold_path = directory.path() / "cold.safetensors";
  const auto content = write_random_file(cold_path, slab_bytes, 6);
  make_cold(cold_path);
  const source_file cold{describe(cold_path)};
  write_random_file(path, page_bytes, 7);
  make_warm(path);
  const source_file file{describe(path)};
  auto options = options_for({"threads", reader_engine::threads, false});
  options.threads = 4;
  options.copying_threads = 2;
  const auto reader = make_chunk_reader(options, {});
  for (slab_index tag = 0; tag < 2; ++tag) {
    auto stuck = request_for(file, {0, page_bytes}, tag);
    stuck.destination = memories[tag].data();
    ASSERT_TRUE(reader->submit(stuck));
    ASSERT_TRUE(memories[tag].wait_until_touched());
  }
  ASSERT_TRUE(reader->submit(request_for(file, {0, page_bytes}, 2)));
  const auto from_disk = request_for(cold, {0, slab_bytes}, 3);
  ASSERT_TRUE(reader->submit(from_disk));

  std::vector<read_result> results;
  ASSERT_EQ(reader->wait(std::chrono::seconds{30}, results), 1U);
  EXPECT_EQ(results[0].tag, 3U) << "a third copy was made beside two that are under way";
  EXPECT_TRUE(holds(from_disk, content));
  for (auto& memory : memories)
    memory.let_go();
  while (reader->in_flight() > 0)
    ASSERT_GT(reader->wait(std::chrono::seconds{30}, results), 0U);
  EXPECT_EQ(results.size(), 4U);
}

INSTANTIATE_TEST_SUITE_P(readers, chunk_reader_failure_test, ::testing::ValuesIn(reader_kinds), name_of);

/// Makes io_uring_setup fail with `error_number` in this process, as container runtimes do.
bool refuse_io_uring(unsigned error_number) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error_number),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{4, filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
         && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

using chunk_reader_refused_test = chunk_reader_fixture;

TEST_F(chunk_reader_refused_test, threads_take_the_place_of_a_refused_ring_and_the_log_says_why) {
  const auto content = write_random_file(path, 200'000, 6);
  make_cold(path);
  // A filter cannot be taken back, so a child lives with it. It exits with the number of the first thing that
  // is wrong.
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (!refuse_io_uring(EPERM))
      ::_exit(1);
    slab_pool slabs_of_child{1, slab_bytes};
    std::vector<std::string> lines;
    const auto reader = make_chunk_reader(options_for({"automatic", reader_engine::automatic, false}),
                                          [&](std::string_view line) { lines.emplace_back(line); });
    if (reader->engine_name() != "threads")
      ::_exit(2);
    if (lines.size() != 1 || lines[0].find("io_uring_setup") == std::string::npos
        || lines[0].find(std::strerror(EPERM)) == std::string::npos)
      ::_exit(3);
    const source_file file{describe(path)};
    const read_request request{&file, {0, 49 * page_bytes}, 200'000, slabs_of_child.bytes(0).data(), 0};
    if (run(*reader, {request}).at(0).error || !holds(request, content))
      ::_exit(4);
    try {
      std::ignore = make_chunk_reader(options_for({"required", reader_engine::io_uring, false}), {});
      ::_exit(5);
    } catch (const std::system_error& error) {
      ::_exit(error.code() == std::errc::operation_not_permitted ? 0 : 6);
    }
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(read_errc_test, says_what_happened) {
  const std::error_code error = read_errc::truncated;
  EXPECT_EQ(error.category(), read_category());
  EXPECT_THAT(error.message(), ::testing::HasSubstr("ended before"));
}

} // namespace
} // namespace ckpt::io
