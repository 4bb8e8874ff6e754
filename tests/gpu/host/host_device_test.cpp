// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "gpu/host/host_device.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ckpt::gpu {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::uint64_t ring_bytes = 1 << 20;

/// A directory of this test's own on /dev/shm, as rings of other processes lie in /dev/shm itself.
class host_device_test : public testing::Test {
protected:
  host_device_test() { fs::create_directory(directory_); }
  ~host_device_test() override { fs::remove_all(directory_); }

  [[nodiscard]] std::size_t file_count() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator{directory_}, fs::directory_iterator{}));
  }

  static queue_progress wait_for(device& target, ticket last) {
    queue_progress progress;
    for (int turn = 0; turn < 500 && progress.completed < last && !progress.failure; ++turn)
      progress = target.wait(progress.completed, 10ms);
    return progress;
  }

  fs::path directory_ = "/dev/shm/ckpt-actor-test-" + std::to_string(::getpid());
};

std::vector<std::byte> pattern(std::size_t bytes, unsigned seed) {
  std::vector<std::byte> made(bytes);
  for (std::size_t at = 0; at < bytes; ++at)
    made[at] = static_cast<std::byte>((at * 31 + seed) >> 3);
  return made;
}

/// True when `text` is `form` with a lower-case hexadecimal digit for every x.
bool has_the_form_of(std::string_view form, std::string_view text) {
  return std::ranges::equal(form, text, [](char pattern, char letter) {
    return pattern == 'x' ? (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f')
                          : pattern == letter;
  });
}

TEST_F(host_device_test, has_a_uuid_of_its_own_in_the_form_that_engines_use) {
  std::set<std::string> seen;
  for (unsigned index = 0; index < 4; ++index) {
    const host_device device{index, directory_};
    EXPECT_TRUE(has_the_form_of("GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", device.uuid())) << device.uuid();
    seen.insert(device.uuid());
  }
  EXPECT_EQ(seen.size(), 4u);
}

TEST_F(host_device_test, copies_pieces_to_their_places) {
  host_device device{0, directory_};
  device.begin_run(ring_bytes);
  const auto source = pattern(10'000, 5);
  const std::vector<copy_piece> pieces{{0, 4096, 100}, {200, 9000, 9800}};
  const auto last = device.copy(source.data(), pieces);
  ASSERT_EQ(wait_for(device, last).completed, last);
  EXPECT_EQ(std::memcmp(device.ring().data() + 4096, source.data(), 100), 0);
  EXPECT_EQ(std::memcmp(device.ring().data() + 9000, source.data() + 200, 9800), 0);
}

TEST_F(host_device_test, completes_copies_in_the_order_of_their_tickets) {
  host_device device{0, directory_};
  device.begin_run(ring_bytes);
  const auto source = pattern(4096, 1);
  ticket last = 0;
  for (int turn = 0; turn < 200; ++turn) {
    const std::vector<copy_piece> pieces{{0, 4096u * static_cast<unsigned>(turn), 4096}};
    const auto issued = device.copy(source.data(), pieces);
    EXPECT_EQ(issued, last + 1);
    last = issued;
  }
  EXPECT_EQ(wait_for(device, last).completed, last);
}

TEST_F(host_device_test, keeps_its_ring_from_run_to_run_if_it_is_to) {
  host_device device{0, directory_};
  device.keep_ring();
  device.begin_run(ring_bytes);
  const auto first = std::get<exported_file>(device.export_ring()).path;
  device.hide_export();
  const auto* memory = device.ring().data();
  device.end_run();
  device.begin_run(ring_bytes / 2);
  EXPECT_EQ(std::get<exported_file>(device.export_ring()).path, first);
  EXPECT_EQ(device.ring().data(), memory);
  EXPECT_EQ(device.wait(0, 1ms).completed, 0u) << "copies of the run before are forgotten";
  device.begin_run(2 * ring_bytes);
  EXPECT_NE(std::get<exported_file>(device.export_ring()).path, first) << "it was too short";
  EXPECT_FALSE(std::filesystem::exists(first));
  device.withdraw_export();
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(host_device_test, makes_another_ring_for_each_run_otherwise) {
  host_device device{0, directory_};
  device.begin_run(ring_bytes);
  const auto first = std::get<exported_file>(device.export_ring()).path;
  device.hide_export();
  device.end_run();
  device.begin_run(ring_bytes);
  EXPECT_NE(std::get<exported_file>(device.export_ring()).path, first);
}

TEST_F(host_device_test, gives_nobody_its_ring_once_that_is_withdrawn) {
  host_device device{0, directory_};
  device.begin_run(ring_bytes);
  device.withdraw_export();
  EXPECT_THROW(static_cast<void>(device.export_ring()), std::runtime_error);
  EXPECT_TRUE(std::filesystem::is_empty(directory_)) << "the process may end at any moment";
}

TEST_F(host_device_test, waiting_for_nothing_ends_at_its_deadline) {
  host_device device{0, directory_};
  device.begin_run(ring_bytes);
  EXPECT_EQ(device.wait(0, 1ms).completed, 0u);
}

TEST_F(host_device_test, reports_a_source_that_went_away_and_copies_nothing_more) {
  host_device device{0, directory_};
  device.begin_run(ring_bytes);
  const int file = ::memfd_create("source", MFD_CLOEXEC);
  ASSERT_EQ(::ftruncate(file, 8192), 0);
  auto* mapped = static_cast<std::byte*>(::mmap(nullptr, 8192, PROT_READ, MAP_SHARED, file, 0));
  ASSERT_EQ(::ftruncate(file, 4096), 0);
  const std::vector<copy_piece> pieces{{0, 0, 8192}};
  const std::vector<copy_piece> fine{{0, 0, 4096}};
  device.copy(mapped, pieces);
  device.copy(mapped, fine);
  const auto progress = wait_for(device, 2);
  ASSERT_TRUE(progress.failure.has_value());
  EXPECT_EQ(progress.failure->at, 1u);
  EXPECT_TRUE(progress.failure->source_lost);
  EXPECT_EQ(progress.completed, 0u);
  ::munmap(mapped, 8192);
  ::close(file);
}

TEST_F(host_device_test, another_process_sees_the_ring_under_its_exported_path) {
  host_device device{0, directory_};
  device.begin_run(ring_bytes);
  const auto exported = std::get<exported_file>(device.export_ring());
  EXPECT_EQ(exported.bytes, ring_bytes);
  EXPECT_EQ(fs::file_size(exported.path), ring_bytes);
  device.ring()[77] = std::byte{9};
  std::ifstream file{exported.path};
  file.seekg(77);
  EXPECT_EQ(file.get(), 9);
}

TEST_F(host_device_test, leaves_no_file_once_the_export_is_hidden_or_the_device_gone) {
  {
    host_device device{0, directory_};
    device.begin_run(ring_bytes);
    EXPECT_EQ(file_count(), 0u) << "nobody needs to find a ring that is not exported";
    static_cast<void>(device.export_ring());
    EXPECT_EQ(file_count(), 1u);
    device.hide_export();
    EXPECT_EQ(file_count(), 0u);
  }
  {
    host_device device{0, directory_};
    device.begin_run(ring_bytes);
    static_cast<void>(device.export_ring());
  }
  EXPECT_EQ(file_count(), 0u);
}

TEST_F(host_device_test, does_not_wait_for_what_others_have_put_there) {
  ASSERT_EQ(::mkfifo((directory_ / "ckpt-actor-ring-pipe").c_str(), 0666), 0);
  fs::create_directory(directory_ / "ckpt-actor-ring-directory");
  fs::create_symlink("/nowhere", directory_ / "ckpt-actor-ring-link");
  host_device device{0, directory_};
  device.begin_run(ring_bytes);
  EXPECT_EQ(file_count(), 3u);
}

TEST_F(host_device_test, removes_what_a_killed_process_left_and_nothing_that_is_in_use) {
  const auto child = ::fork();
  if (child == 0) {
    host_device device{0, directory_};
    device.begin_run(ring_bytes);
    static_cast<void>(device.export_ring());
    ::_exit(0); // Like a kill: no destructor runs.
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(file_count(), 1u);
  host_device alive{0, directory_};
  alive.begin_run(ring_bytes); // Sweeps.
  EXPECT_EQ(file_count(), 0u);
  const auto exported = std::get<exported_file>(alive.export_ring());
  std::ofstream{directory_ / "somebody-elses-file"} << "x";
  EXPECT_EQ(remove_stale_rings(directory_), 0u);
  EXPECT_TRUE(fs::exists(exported.path));
  EXPECT_TRUE(fs::exists(directory_ / "somebody-elses-file"));
}

TEST_F(host_device_test, of_a_killed_process_is_known_to_the_next_one_under_its_name) {
  const auto child = ::fork();
  if (child == 0) {
    const host_device device{0, "GPU-name", directory_};
    ::_exit(0); // Like a kill: no destructor runs.
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_FALSE((host_device{0, "GPU-other", directory_}.was_abandoned()));
  {
    host_device next{0, "GPU-name", directory_};
    EXPECT_TRUE(next.was_abandoned());
    EXPECT_FALSE((host_device{0, "GPU-name", directory_}.was_abandoned())) << "its owner lives";
  }
  {
    host_device after{0, "GPU-name", directory_};
    EXPECT_TRUE(after.was_abandoned()) << "nobody has seen to it";
    after.stay_abandoned(false);
  }
  EXPECT_EQ(file_count(), 0u);
  {
    host_device gives_up{0, "GPU-name", directory_};
    EXPECT_FALSE(gives_up.was_abandoned());
    gives_up.stay_abandoned(true);
    gives_up.withdraw_export();
  }
  EXPECT_TRUE((host_device{0, "GPU-name", directory_}.was_abandoned()));
}

TEST_F(host_device_test, says_how_much_did_not_fit_where) {
  host_device device{0, directory_};
  try {
    device.begin_run(1ull << 50);
    FAIL() << "a petabyte was allocated";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(directory_.string()));
    EXPECT_THAT(error.what(), testing::HasSubstr(std::to_string(1ull << 50)));
  }
}

TEST_F(host_device_test, broadcasts_from_any_rank_to_all_others) {
  std::vector<std::unique_ptr<host_device>> devices;
  std::vector<const host_device*> members;
  for (unsigned rank = 0; rank < 3; ++rank) {
    devices.push_back(std::make_unique<host_device>(rank, directory_));
    devices.back()->begin_run(ring_bytes);
    members.push_back(devices.back().get());
  }
  host_collective collective{members};
  ticket last = 0;
  for (unsigned root = 0; root < 3; ++root) {
    const auto content = pattern(5000, root);
    std::memcpy(devices[root]->ring().data() + 8192 * root, content.data(), content.size());
    last = collective.broadcast(root, 8192 * root, content.size());
  }
  queue_progress progress;
  for (int turn = 0; turn < 500 && progress.completed < last; ++turn)
    progress = collective.wait(progress.completed, 10ms);
  ASSERT_EQ(progress.completed, last);
  for (unsigned root = 0; root < 3; ++root)
    for (const auto& device : devices)
      EXPECT_EQ(std::memcmp(device->ring().data() + 8192 * root, pattern(5000, root).data(), 5000), 0);
}

} // namespace
} // namespace ckpt::gpu
