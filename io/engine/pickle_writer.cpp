// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The opcodes of pickle protocol 4 that the engine's worker needs to see. FRAME and MEMOIZE are optional for
// readers and left out.

#include "io/engine/pickle_writer.hpp"

#include <cassert>
#include <limits>

namespace ckpt::io {

using namespace std::string_view_literals;

pickle_writer::pickle_writer() { raw("\x80\x04"sv); }

void pickle_writer::little_endian(std::uint64_t value, unsigned byte_count) {
  for (unsigned index = 0; index < byte_count; ++index)
    out_.push_back(static_cast<char>(value >> (8 * index) & 0xff));
}

void pickle_writer::none() { raw("N"sv); }

void pickle_writer::boolean(bool value) { raw(value ? "\x88"sv : "\x89"sv); }

void pickle_writer::integer(std::int64_t value) {
  if (value >= 0 && value <= 0xff) {
    raw("K"sv); // BININT1
    little_endian(static_cast<std::uint64_t>(value), 1);
  } else if (value >= 0 && value <= 0xffff) {
    raw("M"sv); // BININT2
    little_endian(static_cast<std::uint64_t>(value), 2);
  } else if (value >= std::numeric_limits<std::int32_t>::min()
             && value <= std::numeric_limits<std::int32_t>::max()) {
    raw("J"sv); // BININT
    little_endian(static_cast<std::uint64_t>(value), 4);
  } else {
    raw("\x8a\x08"sv); // LONG1 of eight bytes
    little_endian(static_cast<std::uint64_t>(value), 8);
  }
}

void pickle_writer::text(std::string_view utf8) {
  if (utf8.size() < 256) {
    raw("\x8c"sv); // SHORT_BINUNICODE
    little_endian(utf8.size(), 1);
  } else {
    assert(utf8.size() <= 0xffff'ffff);
    raw("X"sv); // BINUNICODE
    little_endian(utf8.size(), 4);
  }
  raw(utf8);
}

void pickle_writer::bytes(std::string_view value) {
  if (value.size() < 256) {
    raw("C"sv); // SHORT_BINBYTES
    little_endian(value.size(), 1);
  } else {
    assert(value.size() <= 0xffff'ffff);
    raw("B"sv); // BINBYTES
    little_endian(value.size(), 4);
  }
  raw(value);
}

void pickle_writer::global(std::string_view module, std::string_view qualified_name) {
  text(module);
  text(qualified_name);
  raw("\x93"sv); // STACK_GLOBAL
}

void pickle_writer::begin_tuple() { raw("("sv); }
void pickle_writer::end_tuple() { raw("t"sv); }
void pickle_writer::empty_tuple() { raw(")"sv); }
void pickle_writer::begin_list() { raw("]("sv); }
void pickle_writer::end_list() { raw("e"sv); }
void pickle_writer::begin_dict() { raw("}("sv); }
void pickle_writer::end_dict() { raw("u"sv); }
void pickle_writer::call() { raw("R"sv); }
void pickle_writer::set_state() { raw("b"sv); }

std::string pickle_writer::finish() {
  raw("."sv);
  return std::move(out_);
}

namespace {

void shape(pickle_writer& out, std::span<const std::uint64_t> dimensions) {
  out.global("torch", "Size");
  out.begin_tuple();
  out.begin_tuple();
  for (const auto dimension : dimensions) {
    assert(dimension >> 63 == 0);
    out.integer(static_cast<std::int64_t>(dimension));
  }
  out.end_tuple();
  out.end_tuple();
  out.call();
}

/// functools.partial(function, key=value), where both globals are given as (module, name).
void partial(pickle_writer& out, std::string_view function_module, std::string_view function,
             std::string_view key, std::string_view value_module, std::string_view value) {
  out.global("functools", "partial");
  out.begin_tuple();
  out.global(function_module, function);
  out.end_tuple();
  out.call();
  out.begin_tuple(); // The state of a partial: function, arguments, keyword arguments, attributes.
  out.global(function_module, function);
  out.empty_tuple();
  out.begin_dict();
  out.text(key);
  out.global(value_module, value);
  out.end_dict();
  out.none();
  out.end_tuple();
  out.set_state();
}

} // namespace

std::string pickle_file_handle(std::string_view path, std::uint64_t buffer_bytes) {
  // The worker calls `function(*arguments)` with its device ordinal put in at index 6. max() with a key picks
  // the one tensor among the arguments, and so ignores the ordinal. torch.from_file maps the file while
  // unpickling.
  pickle_writer out;
  out.begin_tuple();
  partial(out, "builtins", "max", "key", "torch", "is_tensor");
  out.begin_tuple();
  partial(out, "torch", "from_file", "dtype", "torch", "uint8");
  out.begin_tuple();
  out.text(path);
  out.boolean(true);
  out.integer(static_cast<std::int64_t>(buffer_bytes));
  out.end_tuple();
  out.call();
  for (int index = 1; index <= 6; ++index)
    out.none();
  out.end_tuple();
  out.end_tuple();
  return out.finish();
}

std::string pickle_cuda_handle(const cuda_buffer_handle& handle) {
  const std::uint64_t dimensions[] = {handle.buffer_bytes};
  pickle_writer out;
  out.begin_tuple();
  out.global("torch.multiprocessing.reductions", "rebuild_cuda_tensor");
  out.begin_tuple();
  out.global("torch", "Tensor");
  shape(out, dimensions); // tensor_size
  out.begin_tuple();      // tensor_stride
  out.integer(1);
  out.end_tuple();
  out.integer(0); // tensor_offset
  out.global("torch.storage", "TypedStorage");
  out.global("torch", "uint8");
  out.integer(0); // storage_device: the worker puts its own ordinal here
  out.bytes(handle.ipc_handle);
  out.integer(static_cast<std::int64_t>(handle.buffer_bytes));
  out.integer(0);     // storage_offset_bytes: always a whole allocation
  out.boolean(false); // requires_grad
  out.bytes(handle.counter_name);
  out.integer(static_cast<std::int64_t>(handle.counter_slot));
  out.bytes({});      // event_handle
  out.boolean(false); // event_sync_required: every list is sent after its copy has completed
  out.end_tuple();
  out.end_tuple();
  return out.finish();
}

std::string pickle_tensor_list(std::span<const listed_tensor> tensors) {
  pickle_writer out;
  out.begin_list();
  for (const auto& tensor : tensors) {
    out.begin_dict();
    out.text("name");
    out.text(tensor.name);
    out.text("dtype");
    out.global("torch", tensor.torch_dtype);
    out.text("shape");
    shape(out, tensor.shape);
    out.text("offset");
    out.integer(static_cast<std::int64_t>(tensor.offset));
    out.end_dict();
  }
  out.end_list();
  return out.finish();
}

std::string pickle_abort(std::string_view message) {
  pickle_writer out;
  out.global("builtins", "RuntimeError");
  out.begin_tuple();
  out.text(message);
  out.end_tuple();
  out.call();
  return out.finish();
}

std::string pickle_none() {
  pickle_writer out;
  out.none();
  return out.finish();
}

} // namespace ckpt::io
