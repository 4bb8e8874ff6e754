// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Walks a pickle_tree to the depth that each message has, and no further.

#include "apps/sink/worker_message.hpp"

#include <optional>

namespace ckpt::apps::sink {
namespace {

using kind = pickle_value::kind;

/// torch allows no more.
constexpr std::size_t dimensions_max = 64;

constexpr std::size_t tensors_max = 1 << 20;

[[noreturn]] void fail(const std::string& what) { throw pickle_error{what}; }

bool is_global(const pickle_value& value, std::string_view module, std::string_view qualified) {
  return value.is == kind::global && value.text == module && value.qualified == qualified;
}

std::uint64_t natural_number(const pickle_value& value, const char* what) {
  if (value.is != kind::integer || value.number < 0)
    fail(std::string{what} + " is not a number from 0 up");
  return static_cast<std::uint64_t>(value.number);
}

/// torch.from_file, by its name or the way Python pickles a method of a built-in class.
bool is_from_file(const pickle_tree& tree, const pickle_value& value) {
  if (is_global(value, "torch", "from_file"))
    return true;
  if (value.is != kind::call || value.items.size() != 2
      || !is_global(tree[value.items[0]], "builtins", "getattr"))
    return false;
  const auto& arguments = tree[value.items[1]].items;
  return arguments.size() == 2 && is_global(tree[arguments[0]], "torch._C", "_VariableFunctionsClass")
         && tree[arguments[1]].is == kind::text && tree[arguments[1]].text == "from_file";
}

bool is_max(const pickle_tree& /*tree*/, const pickle_value& value) {
  return is_global(value, "builtins", "max");
}

/// A functools.partial of a function that `is_function` knows, without positional arguments and with the one
/// keyword argument `key`, which is the global `module`.`qualified`. Its function stands in the pickle twice:
/// as it was made with, and in the state that is set afterwards. Python believes the latter; here both have
/// to be right.
bool is_partial(const pickle_tree& tree, const pickle_value& value,
                bool (*is_function)(const pickle_tree&, const pickle_value&), std::string_view key,
                std::string_view module, std::string_view qualified) {
  if (value.is != kind::call || value.items.size() != 3
      || !is_global(tree[value.items[0]], "functools", "partial"))
    return false;
  const auto& made_with = tree[value.items[1]];
  const auto& state = tree[value.items[2]];
  if (made_with.items.size() != 1 || !is_function(tree, tree[made_with.items[0]]) || state.is != kind::tuple
      || state.items.size() != 4 || !is_function(tree, tree[state.items[0]]))
    return false;
  const auto& positional = tree[state.items[1]];
  const auto& keywords = tree[state.items[2]];
  if (positional.is != kind::tuple || !positional.items.empty() || keywords.is != kind::dict
      || keywords.items.size() != 2)
    return false;
  const auto& name = tree[keywords.items[0]];
  return name.is == kind::text && name.text == key && is_global(tree[keywords.items[1]], module, qualified);
}

/// The handle of a file, or nothing when the tuple is something else.
std::optional<file_handle> read_file_handle(const pickle_tree& tree, const pickle_value& function,
                                            const pickle_value& arguments) {
  if (!is_partial(tree, function, is_max, "key", "torch", "is_tensor") || arguments.items.size() != 7)
    return std::nullopt;
  for (std::size_t index = 1; index < arguments.items.size(); ++index)
    if (tree[arguments.items[index]].is != kind::none)
      return std::nullopt;
  const auto& mapping = tree[arguments.items[0]];
  if (mapping.is != kind::call || mapping.items.size() != 2)
    return std::nullopt;
  const auto& file = tree[mapping.items[1]].items;
  if (!is_partial(tree, tree[mapping.items[0]], is_from_file, "dtype", "torch", "uint8") || file.size() != 3)
    return std::nullopt;
  const auto& path = tree[file[0]];
  const auto& shared = tree[file[1]];
  if (path.is != kind::text || path.text.empty() || path.text.find('\0') != std::string_view::npos)
    fail("the buffer's file has no usable path");
  if (shared.is != kind::boolean || shared.number != 1)
    fail("the buffer's file is not shared");
  return file_handle{std::string{path.text}, natural_number(tree[file[2]], "the buffer's size")};
}

worker_message read_handle(const pickle_tree& tree, const pickle_value& handle) {
  if (handle.items.size() != 2 || tree[handle.items[1]].is != kind::tuple)
    fail("a buffer handle is a function and a tuple of arguments");
  const auto& function = tree[handle.items[0]];
  const auto& arguments = tree[handle.items[1]];
  if (is_global(function, "torch.multiprocessing.reductions", "rebuild_cuda_tensor")) {
    constexpr std::size_t argument_count = 15;
    constexpr std::size_t ipc_handle_at = 7, storage_bytes_at = 8, counter_name_at = 11, counter_slot_at = 12;
    if (arguments.items.size() != argument_count)
      fail("a CUDA buffer handle has 15 arguments");
    const auto at = [&](std::size_t index) -> const pickle_value& { return tree[arguments.items[index]]; };
    if (at(ipc_handle_at).is != kind::bytes || at(counter_name_at).is != kind::bytes)
      fail("the memory handle and the counter's name of a CUDA buffer are bytes");
    return cuda_handle{
        std::string{at(ipc_handle_at).text}, natural_number(at(storage_bytes_at), "the buffer's size"),
        std::string{at(counter_name_at).text}, natural_number(at(counter_slot_at), "the counter's slot")};
  }
  if (auto file = read_file_handle(tree, function, arguments))
    return *std::move(file);
  fail("this buffer handle is neither a file nor a CUDA allocation");
}

std::vector<std::uint64_t> read_shape(const pickle_tree& tree, const pickle_value& value) {
  const auto* dimensions = &value;
  if (value.is == kind::call && value.items.size() == 2 && is_global(tree[value.items[0]], "torch", "Size")) {
    const auto& arguments = tree[value.items[1]].items;
    if (arguments.size() != 1)
      fail("a torch.Size has one argument");
    dimensions = &tree[arguments[0]];
  }
  if (dimensions->is != kind::tuple && dimensions->is != kind::list)
    fail("a shape is not a torch.Size, tuple or list");
  if (dimensions->items.size() > dimensions_max)
    fail("a shape has more than " + std::to_string(dimensions_max) + " dimensions");
  std::vector<std::uint64_t> shape;
  shape.reserve(dimensions->items.size());
  for (const auto item : dimensions->items)
    shape.push_back(natural_number(tree[item], "a dimension"));
  return shape;
}

sent_tensor read_tensor(const pickle_tree& tree, const pickle_value& entry) {
  if (entry.is != kind::dict)
    fail("a tensor is not described by a dict");
  const pickle_value *name = nullptr, *type = nullptr, *shape = nullptr, *offset = nullptr;
  for (std::size_t index = 0; index < entry.items.size(); index += 2) {
    const auto& key = tree[entry.items[index]];
    const auto* value = &tree[entry.items[index + 1]];
    auto** field = key.is != kind::text   ? nullptr
                   : key.text == "name"   ? &name
                   : key.text == "dtype"  ? &type
                   : key.text == "shape"  ? &shape
                   : key.text == "offset" ? &offset
                                          : nullptr;
    if (field == nullptr || *field != nullptr)
      fail("a tensor is described by an unknown key, or by the same key twice");
    *field = value;
  }
  if (name == nullptr || type == nullptr || shape == nullptr || offset == nullptr)
    fail("a tensor lacks one of name, dtype, shape and offset");
  if (name->is != kind::text)
    fail("a tensor's name is not a text");
  const std::string tensor_name{name->text};
  if (type->is != kind::global || type->text != "torch")
    fail("tensor \"" + tensor_name + "\": its dtype is not an attribute of torch");
  return {tensor_name, std::string{type->qualified}, read_shape(tree, *shape),
          natural_number(*offset, "an offset")};
}

abort_request read_abort(const pickle_tree& tree, const pickle_value& call) {
  const auto& type = tree[call.items[0]];
  if (type.is != kind::global)
    fail("a call of something that has no name");
  abort_request request{std::string{type.qualified}, {}};
  for (const auto item : tree[call.items[1]].items)
    if (const auto& argument = tree[item]; argument.is == kind::text)
      request.message += (request.message.empty() ? "" : ": ") + std::string{argument.text};
  return request;
}

} // namespace

worker_message read_worker_message(std::string_view message) {
  const auto tree = read_pickle(message);
  const auto& root = tree.root();
  switch (root.is) {
  case kind::none:
    return end_mark{};
  case kind::tuple:
    return read_handle(tree, root);
  case kind::call:
    return read_abort(tree, root);
  case kind::list: {
    if (root.items.size() > tensors_max)
      fail("a list has more than " + std::to_string(tensors_max) + " tensors");
    tensor_list list;
    list.tensors.reserve(root.items.size());
    std::size_t name_bytes = 0;
    for (const auto item : root.items) {
      list.tensors.push_back(read_tensor(tree, tree[item]));
      name_bytes += list.tensors.back().name.size();
      // A short message can refer to one long name many times.
      if (name_bytes > message.size())
        fail("the names of a list are longer than the message");
    }
    return list;
  }
  default:
    fail("not a message of the weight channel");
  }
}

} // namespace ckpt::apps::sink
