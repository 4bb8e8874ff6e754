// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/sink/worker_message.hpp"

#include "io/engine/pickle_writer.hpp"
#include "tests/apps/sink/python_pickles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace ckpt::apps::sink {
namespace {

using testing::HasSubstr;
using tests::from_hex;

std::string refusal(const std::string& message) {
  try {
    (void)read_worker_message(message);
    return {};
  } catch (const pickle_error& error) {
    return error.what();
  }
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(worker_message, reads_the_file_handle_that_python_pickles) {
  const auto handle = std::get<file_handle>(read_worker_message(from_hex(tests::python_file_handle)));
  EXPECT_EQ(handle.path, "/dev/shm/weights");
  EXPECT_EQ(handle.bytes, 4096U);
}

TEST(worker_message, reads_the_file_handle_that_the_pusher_writes) {
  const auto handle =
      std::get<file_handle>(read_worker_message(io::pickle_file_handle("/dev/shm/x", 5'000'000'000)));
  EXPECT_EQ(handle.path, "/dev/shm/x");
  EXPECT_EQ(handle.bytes, 5'000'000'000U);
}

TEST(worker_message, recognises_cuda_handles) {
  EXPECT_EQ(std::get<cuda_handle>(read_worker_message(from_hex(tests::python_cuda_handle))).bytes, 4096U);
  const auto ours = io::pickle_cuda_handle({std::string(66, 'x'), 1 << 21, "/torch_1_2_3", 0});
  const auto read = std::get<cuda_handle>(read_worker_message(ours));
  EXPECT_EQ(read.bytes, 1U << 21);
  EXPECT_EQ(read.ipc_handle, std::string(66, 'x'));
  EXPECT_EQ(read.counter_name, "/torch_1_2_3");
  EXPECT_EQ(read.counter_slot, 0U);
}

TEST(worker_message, reads_the_tensor_lists_that_python_pickles) {
  const auto list = std::get<tensor_list>(read_worker_message(from_hex(tests::python_tensor_list)));
  ASSERT_EQ(list.tensors.size(), 2U);
  EXPECT_EQ(list.tensors[0].name, "a.b");
  EXPECT_EQ(list.tensors[0].torch_dtype, "bfloat16");
  EXPECT_EQ(list.tensors[0].shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(list.tensors[0].offset, 0U);
  EXPECT_EQ(list.tensors[1].name, "c");
  EXPECT_EQ(list.tensors[1].shape, std::vector<std::uint64_t>{});
  EXPECT_EQ(list.tensors[1].offset, std::uint64_t{1} << 40);
  EXPECT_EQ(std::get<tensor_list>(read_worker_message(from_hex(tests::python_short_list))).tensors.size(),
            1U);
}

TEST(worker_message, reads_the_tensor_lists_that_the_pusher_writes) {
  const std::vector<std::uint64_t> shape{7, 0, 300};
  const std::vector<io::listed_tensor> tensors{{"w", "float8_e4m3fn", shape, 1 << 20}, {"s", "int64", {}, 8}};
  const auto list = std::get<tensor_list>(read_worker_message(io::pickle_tensor_list(tensors)));
  ASSERT_EQ(list.tensors.size(), 2U);
  EXPECT_EQ(list.tensors[0].shape, shape);
  EXPECT_EQ(list.tensors[0].torch_dtype, "float8_e4m3fn");
  EXPECT_EQ(list.tensors[1].offset, 8U);
  EXPECT_TRUE(std::get<tensor_list>(read_worker_message(io::pickle_tensor_list({}))).tensors.empty());
}

TEST(worker_message, reads_aborts_and_end_marks) {
  const auto abort = std::get<abort_request>(read_worker_message(from_hex(tests::python_error)));
  EXPECT_EQ(abort.type, "RuntimeError");
  EXPECT_EQ(abort.message, "rank 3 failed");
  EXPECT_EQ(std::get<abort_request>(read_worker_message(from_hex(tests::python_os_error))).message, "no");
  EXPECT_EQ(std::get<abort_request>(read_worker_message(io::pickle_abort("why"))).message, "why");
  EXPECT_TRUE(std::holds_alternative<end_mark>(read_worker_message(io::pickle_none())));
}

TEST(worker_message, refuses_handles_that_call_something_else) {
  const auto good = io::pickle_file_handle("/dev/shm/x", 4096);
  EXPECT_EQ(refusal(good), "");
  EXPECT_THAT(refusal(replaced(good, "is_tensor", "is_tensoR")), HasSubstr("neither a file nor"));
  EXPECT_THAT(refusal(replaced(good, "from_file", "from_filE")), HasSubstr("neither a file nor"));
  EXPECT_THAT(refusal(replaced(good, "functools", "functoolS")), HasSubstr("neither a file nor"));
  EXPECT_THAT(refusal(replaced(good, "uint8", "int16")), HasSubstr("neither a file nor"));
  const auto os_system = replaced(replaced(from_hex(tests::python_file_handle), "torch._C", "subproce"),
                                  "from_file", "Popen____");
  EXPECT_THAT(refusal(os_system), HasSubstr("neither a file nor"));
}

TEST(worker_message, refuses_unusable_paths_and_sizes) {
  EXPECT_THAT(refusal(io::pickle_file_handle("", 1)), HasSubstr("path"));
  EXPECT_THAT(refusal(io::pickle_file_handle(std::string_view{"/a\0b", 4}, 1)), HasSubstr("path"));
  EXPECT_THAT(refusal(io::pickle_file_handle("/a", static_cast<std::uint64_t>(-5))),
              HasSubstr("buffer's size"));
}

/// A list of one tensor with the keys and values that `fill` writes.
std::string list_of(const std::function<void(io::pickle_writer&)>& fill) {
  io::pickle_writer out;
  out.begin_list();
  out.begin_dict();
  fill(out);
  out.end_dict();
  out.end_list();
  return out.finish();
}

void write_all_but(io::pickle_writer& out, std::string_view missing) {
  const auto entry = [&](std::string_view key, const std::function<void()>& value) {
    if (key == missing)
      return;
    out.text(key);
    value();
  };
  entry("name", [&] { out.text("w"); });
  entry("dtype", [&] { out.global("torch", "int8"); });
  entry("shape", [&] {
    out.begin_list();
    out.integer(4);
    out.end_list();
  });
  entry("offset", [&] { out.integer(0); });
}

TEST(worker_message, takes_plain_lists_as_shapes) {
  const auto list = std::get<tensor_list>(
      read_worker_message(list_of([](io::pickle_writer& out) { write_all_but(out, ""); })));
  EXPECT_EQ(list.tensors.at(0).shape, std::vector<std::uint64_t>{4});
}

TEST(worker_message, refuses_tensors_without_one_of_the_four_keys) {
  for (const auto* key : {"name", "dtype", "shape", "offset"})
    EXPECT_THAT(refusal(list_of([&](io::pickle_writer& out) { write_all_but(out, key); })),
                HasSubstr("lacks"))
        << key;
}

TEST(worker_message, refuses_unknown_and_repeated_keys) {
  for (const auto* key : {"stride", "offset"})
    EXPECT_THAT(refusal(list_of([&](io::pickle_writer& out) {
                  write_all_but(out, "");
                  out.text(key);
                  out.integer(0);
                })),
                HasSubstr("unknown key"));
}

TEST(worker_message, refuses_values_of_the_wrong_kind) {
  const auto with = [](std::string_view key, const std::function<void(io::pickle_writer&)>& value) {
    return refusal(list_of([&](io::pickle_writer& out) {
      write_all_but(out, key);
      out.text(key);
      value(out);
    }));
  };
  const auto write_none = [](io::pickle_writer& out) { out.none(); };
  EXPECT_THAT(with("name", write_none), HasSubstr("name is not a text"));
  EXPECT_THAT(with("dtype", write_none), HasSubstr("dtype"));
  EXPECT_THAT(with("dtype", [](io::pickle_writer& out) { out.global("numpy", "int8"); }), HasSubstr("dtype"));
  EXPECT_THAT(with("shape", write_none), HasSubstr("shape"));
  EXPECT_THAT(with("offset", write_none), HasSubstr("offset"));
  EXPECT_THAT(with("offset", [](io::pickle_writer& out) { out.integer(-4); }), HasSubstr("offset"));
  EXPECT_THAT(with("shape",
                   [](io::pickle_writer& out) {
                     out.begin_list();
                     for (int index = 0; index < 65; ++index)
                       out.integer(1);
                     out.end_list();
                   }),
              HasSubstr("64 dimensions"));
}

TEST(worker_message, refuses_other_values) {
  io::pickle_writer number;
  number.integer(1);
  EXPECT_THAT(refusal(number.finish()), HasSubstr("not a message"));
  io::pickle_writer list;
  list.begin_list();
  list.none();
  list.end_list();
  EXPECT_THAT(refusal(list.finish()), HasSubstr("dict"));
  EXPECT_NE(refusal("garbage"), "");
  EXPECT_NE(refusal(""), "");
}

TEST(worker_message, refuses_a_short_message_that_repeats_a_long_name) {
  // One dict, memoised, listed a thousand times over.
  auto entry = list_of([](io::pickle_writer& out) { write_all_but(out, ""); });
  entry = entry.substr(0, entry.size() - 2); // Without the end of the list and of the pickle.
  std::string message = replaced(entry, "\x8c\x01w", "\x8c\xc8" + std::string(200, 'w')) + "\x94";
  for (int index = 0; index < 1000; ++index)
    message += std::string{"h\0", 2};
  EXPECT_THAT(refusal(message + "e."), HasSubstr("longer than the message"));
}

} // namespace
} // namespace ckpt::apps::sink
