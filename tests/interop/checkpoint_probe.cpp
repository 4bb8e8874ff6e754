// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Shows the checkpoint table to tests in other languages.
//
//   checkpoint_probe print       reads paths from standard input, one a line, and prints one line of JSON for
//   each:
//                                {"tensors": [[name, dtype, shape, file, offset, bytes], ...]} or {"error":
//                                text}
//   checkpoint_probe write DIR   writes a synthetic checkpoint with every dtype

#include "apps/synthetic.hpp"
#include "io/checkpoint/checkpoint.hpp"
#include "io/error.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <string_view>

namespace {

boost::json::object describe(const std::string& path) {
  try {
    const auto source = ckpt::io::open_checkpoint(path);
    boost::json::array tensors;
    for (const auto& tensor : source.tensors) {
      boost::json::array shape(tensor.shape.begin(), tensor.shape.end());
      tensors.push_back(boost::json::array{tensor.name, std::string{ckpt::io::name(tensor.type)},
                                           std::move(shape), source.files[tensor.file].path.native(),
                                           tensor.bytes.offset, tensor.bytes.length});
    }
    return {{"tensors", std::move(tensors)}};
  } catch (const ckpt::io::checkpoint_error& error) {
    return {{"error", error.what()}};
  }
}

void write(const std::string& directory) {
  ckpt::apps::synthetic_options options;
  options.directory = directory;
  options.tensors.total_bytes = 1'000'000;
  options.tensors.tensor_bytes_min = 1;
  options.tensors.tensor_bytes_max = 20'000;
  options.tensors.types.assign(ckpt::io::all_dtypes().begin(), ckpt::io::all_dtypes().end());
  options.tensors.edge_cases = true;
  options.shards = 3;
  ckpt::apps::write_checkpoint(options);
}

} // namespace

int main(int argument_count, char** arguments) {
  const std::string_view verb = argument_count > 1 ? arguments[1] : "";
  try {
    if (verb == "write" && argument_count == 3) {
      write(arguments[2]);
      return 0;
    }
    if (verb == "print" && argument_count == 2) {
      for (std::string path; std::getline(std::cin, path);)
        std::cout << boost::json::serialize(describe(path)) << '\n';
      return 0;
    }
    std::cerr << "usage: checkpoint_probe print | write DIRECTORY\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "checkpoint_probe: " << error.what() << '\n';
    return 1;
  }
}
