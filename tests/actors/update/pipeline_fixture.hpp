// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// One actor of a run on its own: the test plays its neighbours, and the devices and the collective do nothing
// before the test says so.

#include "actors/cluster/cluster_interfaces.hpp"
#include "actors/update/update.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ckpt::tests {

/// For everything that does not depend on how fast the machine is.
inline constexpr auto pipeline_patience = std::chrono::seconds{30};

/// A queue whose operations stay under way until the test completes them.
template <class Operation>
class held_queue {
public:
  gpu::ticket issue(Operation operation) {
    const std::lock_guard lock{mutex_};
    issued_.push_back(std::move(operation));
    return issued_.size();
  }
  [[nodiscard]] gpu::queue_progress wait(gpu::ticket seen, std::chrono::milliseconds timeout) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, timeout, [&] { return progress_.completed > seen || progress_.failure; });
    return progress_;
  }
  void complete(gpu::ticket last) {
    const std::lock_guard lock{mutex_};
    progress_.completed = last;
    changed_.notify_all();
  }

  /// `completed` operations are done, the one after them has failed.
  void fail(gpu::ticket completed, std::string what, bool source_lost = false) {
    const std::lock_guard lock{mutex_};
    progress_ = {completed, gpu::queue_failure{completed + 1, std::move(what), source_lost}};
    changed_.notify_all();
  }
  [[nodiscard]] std::vector<Operation> issued() const {
    const std::lock_guard lock{mutex_};
    return issued_;
  }

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Operation> issued_;
  gpu::queue_progress progress_;
};

struct held_copy {
  const std::byte* source = nullptr;
  std::vector<gpu::copy_piece> pieces;
};

class held_device final : public gpu::device {
public:
  explicit held_device(unsigned index)
      : uuid_{"GPU-" + std::to_string(index)}, description_{"held device " + std::to_string(index)} {}

  [[nodiscard]] const std::string& uuid() const noexcept override { return uuid_; }
  [[nodiscard]] const std::string& description() const noexcept override { return description_; }
  void pin(std::span<std::byte>) override {}
  [[nodiscard]] bool copies_from_anywhere() const noexcept override { return true; }
  void unpin(std::span<const std::byte>) noexcept override {}
  void begin_run(std::uint64_t) override {}
  void end_run() noexcept override {}
  [[nodiscard]] gpu::ring_export export_ring() override { return gpu::exported_file{}; }
  void hide_export() noexcept override {}
  void withdraw_export() noexcept override {}
  [[nodiscard]] bool is_released() const noexcept override { return true; }
  gpu::ticket copy(const std::byte* source, std::span<const gpu::copy_piece> pieces) override {
    return queue.issue({source, {pieces.begin(), pieces.end()}});
  }
  [[nodiscard]] gpu::queue_progress wait(gpu::ticket seen, std::chrono::milliseconds timeout) override {
    return queue.wait(seen, timeout);
  }

  held_queue<held_copy> queue;

private:
  std::string uuid_, description_;
};

struct held_broadcast {
  std::uint32_t root = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool operator==(const held_broadcast&) const = default;
};

class held_collective final : public gpu::collective {
public:
  [[nodiscard]] std::string description() const override { return "held collective"; }
  gpu::ticket broadcast(std::uint32_t root, std::uint64_t offset, std::uint64_t length) override {
    return queue.issue({root, offset, length});
  }
  [[nodiscard]] gpu::queue_progress wait(gpu::ticket seen, std::chrono::milliseconds timeout) override {
    return queue.wait(seen, timeout);
  }
  void stop() noexcept override { ++stops; }

  held_queue<held_broadcast> queue;
  std::atomic<unsigned> stops = 0;
};

/// A bucket of a plan that is made by hand.
struct bucket_shape {
  std::uint32_t chunks = 1;
  std::uint32_t owner = 0;
};

inline constexpr std::uint64_t planned_chunk_bytes = 4096;
inline constexpr std::uint64_t planned_slot_bytes = 4 * planned_chunk_bytes;

/// Buckets that take turns in `slots` equal slots. Chunk i of a bucket becomes its bytes from i *
/// planned_chunk_bytes on; they lie behind the first 64 bytes of what is read.
[[nodiscard]] io::bucket_plan make_plan(const std::vector<bucket_shape>& buckets, std::uint32_t slots);

/// Somebody beside the actor under test, or all who are.
class peer {
public:
  explicit peer(caf::actor_system& system) : self_{system} {}

  /// As whom the actor under test takes it.
  template <class Handle>
  [[nodiscard]] Handle as() const {
    return caf::actor_cast<Handle>(caf::actor_cast<caf::strong_actor_ptr>(self_));
  }

  /// The next message, in words.
  [[nodiscard]] std::string hear() { return hear(pipeline_patience).value_or("nothing"); }
  [[nodiscard]] std::vector<std::string> hear(std::size_t count);

  /// What has come and was not heard yet.
  [[nodiscard]] std::vector<std::string> heard_so_far();

  /// Returns when `handle` has worked on the message, and on all that this peer sent it before. What it then
  /// sent to anybody has arrived there.
  template <class Handle, class... Words>
  void tell(const Handle& handle, const Words&... words) {
    self_->request(handle, pipeline_patience, words...)
        .receive([] {}, [](const caf::error&) { ADD_FAILURE() << "no answer to a message"; });
  }

  [[nodiscard]] caf::scoped_actor& self() { return self_; }

  /// Ends an actor as its conductor does.
  void end(const caf::actor& handle);

private:
  [[nodiscard]] std::optional<std::string> hear(std::chrono::milliseconds patience);

  caf::scoped_actor self_;
};

class pipeline_test : public testing::Test {
protected:
  pipeline_test() = default;
  ~pipeline_test() override;

  /// Makes `context` with held devices, as many as a host of `layout` has, and a held collective.
  void make_update(io::bucket_plan plan, const actors::cluster_layout& layout = {},
                   actors::update_options options = {});

  /// The same as an Update, which is an actors::update and more.
  template <class Update>
  std::shared_ptr<Update> make_held(io::bucket_plan plan, const actors::cluster_layout& layout,
                                    actors::update_options options) {
    auto version = describe(std::move(plan));
    auto resources = hold(version->plan, layout);
    return std::make_shared<Update>(std::move(options), layout, std::move(version), std::move(resources));
  }

  /// Ends it with the test, however that goes.
  template <class Handle>
  Handle keep(Handle handle) {
    kept_.push_back(caf::actor_cast<caf::actor>(handle));
    return handle;
  }

private:
  struct config : caf::actor_system_config {
    config();
  };
  [[nodiscard]] static actors::version_ptr describe(io::bucket_plan plan);
  [[nodiscard]] std::shared_ptr<actors::host_resources> hold(const io::bucket_plan& plan,
                                                             const actors::cluster_layout& layout);

  config config_;

protected:
  caf::actor_system system{config_};
  peer neighbours{system}; ///< all of them
  actors::update_ptr context;
  std::vector<held_device*> devices;     ///< of the update
  held_collective* collective = nullptr; ///< of the update

private:
  std::vector<caf::actor> kept_;
};

} // namespace ckpt::tests
