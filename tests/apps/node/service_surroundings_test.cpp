// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// A resident node and its surroundings: directories that it watches, mounts that hang, engines that are started
// again, the service manager that started it.

#include "tests/apps/node/service_fixture.hpp"

#include "io/engine/update_lock.hpp"
#include "io/fd.hpp"
#include "tests/support/hung_mount.hpp"

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <thread>

#include <poll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace ckpt::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class resident_surroundings_test : public service_test {
protected:
  void SetUp() override {
    checkpoint_ = make_checkpoint();
    start_serving(checkpoint_);
  }

  /// The engine serves it, and the node is through with it.
  [[nodiscard]] bool comes_to(const std::string& version) {
    return eventually(
        [&] {
          return ask_node("engines") == 0 && answer().at(0).at("version") == boost::json::value(version)
                 && served_version() == version;
        },
        patience);
  }

  /// Of the node's memory, what is not swapped out.
  [[nodiscard]] std::uint64_t memory_bytes() const {
    std::ifstream pages{"/proc/" + std::to_string(node_->pid()) + "/statm"};
    std::uint64_t all = 0, resident = 0;
    pages >> all >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }

  fs::path checkpoint_;
};

TEST_F(resident_surroundings_test, publishes_what_is_complete_in_a_directory_that_it_watches) {
  const auto watched = scratch_.path() / "steps";
  fs::create_directory(watched);
  const auto add = [&](const std::string& name) { fs::copy(checkpoint_, watched / name); };
  const auto complete = [&](const std::string& name) { std::ofstream{watched / name / "STABLE"} << "\n"; };
  start_service({"--resident-memory", "200MiB", "--watch", watched, "--keep", "2"});
  add("step-1");
  add("step-2");
  complete("step-1");
  EXPECT_TRUE(comes_to("step-1")) << node_->output();
  add("step-3");
  // Complete before step-1 was: it is overtaken, whenever the watcher looks.
  std::ofstream{watched / "step-2/marker"} << "\n";
  fs::last_write_time(watched / "step-2/marker", fs::last_write_time(watched / "step-1/STABLE") - 1h);
  fs::rename(watched / "step-2/marker", watched / "step-2/STABLE");
  complete("step-3");
  EXPECT_TRUE(comes_to("step-3")) << node_->output();
  EXPECT_TRUE(has_taken_all());
  add(".step-5"); // Not under its name yet.
  complete(".step-5");
  add("step-4");
  complete("step-4");
  EXPECT_TRUE(comes_to("step-4")) << node_->output();
  ASSERT_EQ(ask_node("versions"), 0);
  const auto versions = answer();
  for (const auto& version : versions.as_array())
    EXPECT_NE(version.at("version"), "step-1") << "--keep 2";
  EXPECT_TRUE(fs::exists(watched / "step-1")) << "files are the user's";
  fs::remove_all(watched / "step-4"); // Which makes another one the newest.
  complete("step-2");
  std::this_thread::sleep_for(1200ms); // The watcher looks twice a second.
  add("step-6");
  complete("step-6");
  EXPECT_TRUE(comes_to("step-6")) << node_->output();
  ASSERT_EQ(ask_node("status"), 0);
  const auto updates = answer();
  EXPECT_EQ(updates.as_array().size(), 4u) << "nothing goes back by itself: " << updates;
}

TEST_F(resident_surroundings_test, takes_a_directory_for_complete_once_it_has_its_name) {
  const auto watched = scratch_.path() / "steps";
  fs::create_directory(watched);
  start_service({"--watch", watched, "--watch-marker", ""});
  fs::copy(checkpoint_, watched / ".writing");
  fs::rename(watched / ".writing", watched / "step-1");
  EXPECT_TRUE(comes_to("step-1")) << node_->output();
}

TEST_F(resident_surroundings_test, goes_on_with_other_versions_where_a_mount_hangs) {
  const hung_mount mount{scratch_.path() / "hung"};
  if (!mount.is_mounted())
    GTEST_SKIP() << "needs the right to mount";
  start_service();
  ASSERT_EQ(publish(mount.path() / "step-1", "v1", {}), 0) << said_;
  const auto hanging = id();
  ASSERT_TRUE(
      eventually([&] { return ask_node("status", {hanging}) == 0 && state() == "preparing"; }, patience));
  EXPECT_EQ(ask_node("cancel", {hanging}), 0) << said_;
  EXPECT_EQ(publish(checkpoint_, "v2"), 0) << said_;
  EXPECT_EQ(publish(mount.path() / "step-3", "v3"), 6) << answer_;
  EXPECT_EQ(publish(checkpoint_, "v4"), 0) << said_;
  EXPECT_EQ(served_version(), "v4");
}

TEST_F(resident_surroundings_test, goes_on_where_the_mount_of_the_metas_file_hangs) {
  const auto directory = scratch_.path() / "metas";
  const auto metas = directory / "metas.json";
  fs::create_directory(directory);
  start_service({"--resident-memory", "200MiB", "--save-metas-file", metas});
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  {
    const hung_mount mount{directory};
    if (!mount.is_mounted())
      GTEST_SKIP() << "needs the right to mount";
    for (const auto* const version : {"v2", "v3"})
      EXPECT_EQ(publish(checkpoint_, version), 0) << said_ << node_->output();
    EXPECT_TRUE(has_said(metas.string() + ": the file system does not answer")) << node_->output();
  }
  EXPECT_TRUE(eventually([&] { return read_file(metas).find("\"v3\"") != std::string::npos; }, patience))
      << node_->output();
}

TEST_F(resident_surroundings_test, leaves_no_old_metas_where_new_ones_cannot_be_written) {
  const auto directory = scratch_.path() / "metas";
  fs::create_directory(directory);
  if (::mount("full", directory.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "nr_inodes=3") != 0)
    GTEST_SKIP() << "needs the right to mount";
  const std::shared_ptr<void> mounted{nullptr, [&](void*) { ::umount2(directory.c_str(), MNT_DETACH); }};
  const auto metas = directory / "metas.json";
  start_service({"--resident-memory", "200MiB", "--save-metas-file", metas});
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  ASSERT_TRUE(fs::exists(metas));
  std::ofstream{directory / "other"} << "\n"; // The third inode: there is none for a new file.
  ASSERT_EQ(publish(checkpoint_, "v2"), 0) << said_;
  EXPECT_TRUE(has_said("--save-metas-file: create " + metas.string())) << node_->output();
  EXPECT_FALSE(fs::exists(metas));
  ASSERT_EQ(publish(checkpoint_, "v3"), 0) << said_;
  EXPECT_TRUE(fs::exists(metas)) << "there is room once the old one is gone";
}

TEST_F(resident_surroundings_test, heals_an_engine_once_more_where_the_first_update_fails) {
  start_service({"--heal", "--resident-memory", "200MiB"});
  ASSERT_EQ(publish(checkpoint_, "v1"), 0) << said_;
  const auto port = endpoint_.substr(endpoint_.rfind(':') + 1);
  engine_.reset();
  ASSERT_TRUE(eventually([&] { return node_->output().find("is away") != std::string::npos; }, patience));
  {
    const io::update_lock of_another_node{io::parse_endpoint(endpoint_, "")};
    start_serving(checkpoint_, "sglang", {"--port", port});
    EXPECT_TRUE(eventually(
        [&] { return ask_node("status") == 0 && answer().as_array().back().at("state") == "failed"; },
        patience))
        << node_->output();
  }
  EXPECT_TRUE(comes_to("v1")) << node_->output();
  EXPECT_TRUE(has_taken_all());
}

TEST_F(resident_surroundings_test, gives_the_memory_of_a_version_back_that_is_dropped) {
  start_service({"--resident-memory", "200MiB"});
  for (const auto* const version : {"v1", "v2"})
    ASSERT_EQ(publish(checkpoint_, version), 0) << said_;
  const auto before = memory_bytes();
  EXPECT_EQ(ask_node("drop", {"v1"}), 0) << said_;
  EXPECT_TRUE(eventually([&] { return memory_bytes() + (20 << 20) < before; }, patience)) << memory_bytes();
}

TEST_F(resident_surroundings_test, tells_its_service_manager_when_it_listens_and_when_it_ends) {
  const auto told = scratch_.path() / "notify.sock";
  const io::fd manager{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  told.string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(manager.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::setenv("NOTIFY_SOCKET", told.c_str(), 1);
  start_service();
  ::unsetenv("NOTIFY_SOCKET");
  const auto next = [&] {
    pollfd waiting{manager.number(), POLLIN, 0};
    std::array<char, 64> text{};
    if (::poll(&waiting, 1, 20'000) == 1)
      static_cast<void>(::recv(manager.number(), text.data(), text.size() - 1, 0));
    return std::string{text.data()};
  };
  EXPECT_EQ(next(), "READY=1");
  node_->send_signal(SIGTERM);
  EXPECT_EQ(next(), "STOPPING=1");
}

} // namespace
} // namespace ckpt::tests
