// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Real files. The test is the peer_reader.

#include "actors/peers/own_files.hpp"

#include "tests/actors/update/pipeline_fixture.hpp"
#include "tests/support/mapped_memory.hpp"
#include "tests/support/safetensors_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <cstring>
#include <filesystem>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ckpt::actors {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

/// Two files with a tensor of 20,000 bytes in each.
class own_files_test : public tests::pipeline_test {
protected:
  own_files_test() {
    for (const std::string name : {"a", "b"}) {
      std::string data(20'000, ' ');
      std::iota(data.begin(), data.end(), name[0]);
      text_.push_back(tests::file_text('{' + tests::entry(name, "U8", "[20000]", "[0,20000]") + '}', 0)
                      + data);
      directory_.write(name + ".safetensors", text_.back());
    }
    files_ = std::make_shared<const io::checkpoint>(io::open_checkpoint(directory_.path()));
    make_update(io::plan_buckets(*files_, {16 << 10, 8 << 10}));
  }

  /// The first chunk of a file.
  [[nodiscard]] std::uint32_t first_chunk_of(std::uint32_t file) const {
    std::uint32_t chunk = 0;
    while (context->plan.chunks.at(chunk).file != file)
      ++chunk;
    return chunk;
  }

  void start() { reader_ = keep(system.spawn<caf::detached>(own_files, context, files_, nullptr)); }

  [[nodiscard]] own_read ask_for(std::uint32_t chunk) {
    auto& self = neighbours.self();
    self->send(reader_, read_own{chunk, memory_.data()});
    own_read answer{chunk, "no answer", false};
    self->receive([&](const own_read& read) { answer = read; },
                  caf::after(tests::pipeline_patience) >> [] {});
    return answer;
  }

  tests::temporary_directory directory_{std::filesystem::current_path()};
  std::vector<std::string> text_; ///< by file
  std::shared_ptr<const io::checkpoint> files_;
  tests::mapped_memory memory_{64 << 10};
  own_files_actor reader_;
};

TEST_F(own_files_test, brings_the_bytes_of_a_chunk) {
  start();
  for (const auto file : {0u, 1u}) {
    const auto chunk = first_chunk_of(file);
    const auto& planned = context->plan.chunks[chunk];
    EXPECT_THAT(ask_for(chunk).why_not, IsEmpty());
    EXPECT_EQ(std::memcmp(memory_.data(), text_[file].data() + planned.window.offset, planned.needed_bytes),
              0);
  }
  neighbours.end(caf::actor_cast<caf::actor>(reader_));
}

TEST_F(own_files_test, goes_on_where_a_file_has_changed) {
  std::filesystem::resize_file(files_->files[0].path, 100);
  start();
  const auto lost = ask_for(first_chunk_of(0));
  EXPECT_THAT(lost.why_not, HasSubstr(files_->files[0].path.string()));
  EXPECT_FALSE(lost.is_stuck);
  EXPECT_THAT(ask_for(first_chunk_of(1)).why_not, IsEmpty());
  neighbours.end(caf::actor_cast<caf::actor>(reader_));
}

TEST_F(own_files_test, answers_everything_when_it_gives_up) {
  own_files_state state;
  state.context = context;
  state.files = files_;
  state.reading.emplace(1, read_own{1, memory_.data()});
  state.waiting.push_back({0, memory_.data()});
  const auto is = [](std::uint32_t chunk, bool is_stuck) {
    return AllOf(Field(&own_read::chunk, chunk), Field(&own_read::is_stuck, is_stuck),
                 Field(&own_read::why_not, HasSubstr(".safetensors: it hangs")));
  };
  EXPECT_THAT(give_up_reads(state, "it hangs"), ElementsAre(is(1, true), is(0, false)));
  EXPECT_THAT(give_up_reads(state, "it hangs"), IsEmpty()) << "nobody is answered twice";
  EXPECT_EQ(state.given_up, "it hangs");
}

} // namespace
} // namespace ckpt::actors
