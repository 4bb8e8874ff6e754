// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Writes one pickle, described on standard input, to standard output, for pickles_test.py to read with real
// Python.
//
//   write_pickle list            lines of "<name in hex> <torch dtype> <offset> <dimensions…>"
//   write_pickle abort           the message
//   write_pickle none
//   write_pickle file PATH BYTES
//   write_pickle cuda BYTES COUNTER SLOT    the 66 bytes of the handle
//   write_pickle values          lines of "int N", "text <hex>", "bytes <hex>", "true", "false", "none": one
//   list

#include "io/engine/pickle_writer.hpp"

#include <iostream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace ckpt;

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::string all_input() {
  return {std::istreambuf_iterator<char>{std::cin}, std::istreambuf_iterator<char>{}};
}

std::string write_list() {
  struct described {
    std::string name;
    std::string type;
    std::uint64_t offset = 0;
    std::vector<std::uint64_t> shape;
  };
  std::vector<described> tensors;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words{line};
    auto& tensor = tensors.emplace_back();
    words >> tensor.name >> tensor.type >> tensor.offset;
    tensor.name = from_hex(tensor.name);
    for (std::uint64_t dimension = 0; words >> dimension;)
      tensor.shape.push_back(dimension);
  }
  std::vector<io::listed_tensor> list;
  for (const auto& tensor : tensors)
    list.push_back({tensor.name, tensor.type, tensor.shape, tensor.offset});
  return io::pickle_tensor_list(list);
}

std::string write_values() {
  io::pickle_writer out;
  out.begin_list();
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words{line};
    std::string kind;
    std::string value;
    words >> kind >> value;
    if (kind == "int")
      out.integer(std::stoll(value));
    else if (kind == "text")
      out.text(from_hex(value));
    else if (kind == "bytes")
      out.bytes(from_hex(value));
    else if (kind == "none")
      out.none();
    else
      out.boolean(kind == "true");
  }
  out.end_list();
  return out.finish();
}

std::string write(const std::vector<std::string>& arguments) {
  const auto& kind = arguments.at(0);
  if (kind == "list")
    return write_list();
  if (kind == "values")
    return write_values();
  if (kind == "abort")
    return io::pickle_abort(all_input());
  if (kind == "none")
    return io::pickle_none();
  if (kind == "file")
    return io::pickle_file_handle(arguments.at(1), std::stoull(arguments.at(2)));
  if (kind != "cuda")
    throw std::invalid_argument{"no such kind: " + kind};
  const auto handle = all_input();
  return io::pickle_cuda_handle(
      {handle, std::stoull(arguments.at(1)), arguments.at(2), std::stoull(arguments.at(3))});
}

} // namespace

int main(int argc, char** argv) {
  try {
    std::cout << write({argv + 1, argv + argc}) << std::flush;
    return std::cout ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "write_pickle: " << error.what() << '\n';
    return 2;
  }
}
