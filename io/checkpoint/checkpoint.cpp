// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The directory is opened once and everything is found from there: a link to it that is changed meanwhile
// cannot mix two checkpoints. The choice of files comes first. Then several threads read and parse the files,
// each on its own, and compare them with the index. The tables are joined last. The error that is reported
// does not depend on the threads: it is that of the first file.

#include "io/checkpoint/checkpoint.hpp"

#include "io/checkpoint/checkpoint_files.hpp"
#include "io/checkpoint/regular_file.hpp"
#include "io/error.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace ckpt::io {

namespace {

constexpr unsigned threads_max = 64;

struct opened_file {
  checkpoint_file file;
  std::vector<tensor_entry> tensors;
  std::unordered_set<std::string> unexpected; ///< names of those that the index does not place here
};

bool lies_in_memory(int file, const std::filesystem::path& path) {
  struct statfs status {};
  while (::fstatfs(file, &status) != 0)
    if (errno != EINTR)
      throw system_failure(errno, "fstatfs", path.native());
  return status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC;
}

/// Compares what the file holds with what the index says it holds.
void check_against_index(opened_file& opened, const indexed_file& expected) {
  const auto& path = opened.file.path.native();
  std::unordered_set<std::string_view> missing{expected.tensors.begin(), expected.tensors.end()};
  for (const auto& tensor : opened.tensors)
    if (missing.erase(tensor.name) == 0)
      opened.unexpected.insert(tensor.name);
  // The error names the one that is first in the index, whatever the order of the set.
  for (const auto& tensor : expected.tensors)
    if (missing.count(tensor) > 0)
      throw checkpoint_error{path, tensor,
                             "is not in this file, though " + std::string{index_name} + " places it here"};
}

opened_file open_source(int directory, const found_file& from) {
  auto file = open_regular(directory, from.name, from.path).descriptor;
  auto stamp = settled_stamp_of(file.number(), from.path.native());
  auto header = read_safetensors_header(file.number(), stamp.bytes, from.path.native());
  opened_file result;
  result.file.path = from.path;
  result.file.bytes = stamp.bytes;
  result.file.stamp = std::move(stamp);
  result.file.data_offset = header.data_offset;
  result.file.in_memory = lies_in_memory(file.number(), from.path);
  result.file.descriptor = std::make_shared<const fd>(std::move(file));
  result.tensors = std::move(header.tensors);
  if (from.expected)
    check_against_index(result, *from.expected);
  return result;
}

std::vector<opened_file> open_sources(int directory, const std::vector<found_file>& sources,
                                      unsigned threads) {
  std::vector<opened_file> opened(sources.size());
  std::vector<std::exception_ptr> failures(sources.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (auto i = next++; i < sources.size(); i = next++) {
      try {
        opened[i] = open_source(directory, sources[i]);
      } catch (...) {
        failures[i] = std::current_exception(); // rethrown below
      }
    }
  };
  {
    const auto helpers = std::min<std::size_t>({std::max(threads, 1U) - 1, threads_max, sources.size() - 1});
    std::vector<std::jthread> pool;
    pool.reserve(helpers);
    try {
      for (std::size_t i = 0; i < helpers; ++i)
        pool.emplace_back(work);
    } catch (const std::system_error&) {
      // No more threads can be started: those that run do the work.
    }
    work();
  }
  for (const auto& failure : failures)
    if (failure)
      std::rethrow_exception(failure);
  return opened;
}

/// Files may be replaced one by one while they are opened: the first ones would be old, the last ones new. If
/// all names still lead to the files that were opened, there was a moment at which all of them did.
void check_opened_together(int directory, const std::vector<found_file>& sources,
                           const std::vector<opened_file>& opened) {
  if (sources.size() == 1)
    return;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    struct stat status {};
    const auto& stamp = opened[i].file.stamp;
    if (::fstatat(directory, sources[i].name.c_str(), &status, 0) == 0
        && (status.st_dev != stamp.device || status.st_ino != stamp.inode))
      throw checkpoint_error{sources[i].path.native(),
                             "was replaced by another file while the checkpoint was opened"};
  }
}

/// Leaves out tensors that the index places in another file. Returns remarks on those, and on unlisted ones.
std::vector<std::string> leave_out_misplaced(std::vector<opened_file>& opened,
                                             const std::vector<indexed_file>& index) {
  std::vector<std::string> remarks;
  if (std::ranges::all_of(opened, [](const auto& file) { return file.unexpected.empty(); }))
    return remarks;
  std::unordered_map<std::string_view, std::string_view> places;
  for (const auto& file : index)
    for (const auto& tensor : file.tensors)
      places.emplace(tensor, file.name);
  for (auto& [file, tensors, unexpected] : opened) {
    std::size_t left_out = 0;
    std::size_t added = 0;
    std::string first;
    for (const auto& tensor : tensors)
      if (unexpected.contains(tensor.name)) {
        ++(places.contains(tensor.name) ? left_out : added);
        if (first.empty())
          first = printable(tensor.name);
      }
    if (first.empty())
      continue;
    remarks.push_back(file.path.native() + ": " + std::to_string(left_out + added) + " tensor(s), \"" + first
                      + "\" first, that " + std::string{index_name} + " does not place there: "
                      + std::to_string(left_out) + " placed in another file are taken from that, "
                      + std::to_string(added) + " placed nowhere are sent all the same");
    std::erase_if(tensors, [&, names = std::exchange(unexpected, {})](const tensor_entry& tensor) {
      return names.contains(tensor.name) && places.contains(tensor.name);
    });
  }
  return remarks;
}

void check_names_over_files(const std::vector<opened_file>& opened, bool has_index) {
  std::unordered_map<std::string_view, const opened_file*> holders;
  for (const auto& file : opened)
    for (const auto& tensor : file.tensors)
      if (const auto [holder, is_new] = holders.try_emplace(tensor.name, &file); !is_new)
        throw checkpoint_error{file.file.path.native(), tensor.name,
                               "is also in " + holder->second->file.path.native()
                                   + (has_index
                                          ? ", and " + std::string{index_name} + " places it nowhere"
                                          : "; with " + std::string{index_name}
                                                + " beside them only the files that it names would count")};
}

checkpoint join(const std::filesystem::path& path, std::vector<opened_file>&& opened) {
  checkpoint result;
  result.path = path;
  std::size_t count = 0;
  for (const auto& file : opened)
    count += file.tensors.size();
  if (count == 0)
    throw checkpoint_error{path.native(), "holds no tensors"};
  result.tensors.reserve(count);
  for (auto& [file, tensors, unexpected] : opened) {
    if (tensors.empty())
      continue;
    const auto number = static_cast<std::uint32_t>(result.files.size());
    for (auto& tensor : tensors) {
      result.tensor_bytes += tensor.bytes.length;
      result.tensors.push_back(
          {std::move(tensor.name), tensor.type, std::move(tensor.shape), number, tensor.bytes});
    }
    result.files.push_back(std::move(file));
  }
  return result;
}

} // namespace

checkpoint open_checkpoint(const std::filesystem::path& path, unsigned threads) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    throw system_failure(errno, "stat", path.native());
  fd directory;
  std::vector<indexed_file> index;
  found_files found;
  if (!S_ISDIR(status.st_mode)) {
    found = find_one(path);
  } else {
    directory = fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!directory)
      throw system_failure(errno, "open", path.native());
    index = read_index(directory.number(), path);
    found = index.empty() ? find_by_name(directory.number(), path)
                          : find_by_index(directory.number(), path, index);
  }
  const auto from = directory ? directory.number() : AT_FDCWD;
  auto opened = open_sources(from, found.files, threads);
  check_opened_together(from, found.files, opened);
  auto misplaced = leave_out_misplaced(opened, index);
  if (index.empty() || !misplaced.empty()) // Else the index names every tensor once.
    check_names_over_files(opened, !index.empty());
  auto result = join(path, std::move(opened));
  result.remarks = std::move(found.remarks);
  std::ranges::move(misplaced, std::back_inserter(result.remarks));
  return result;
}

void require_unchanged(const checkpoint_file& file) {
  const auto& path = file.path.native();
  const auto change = describe_change(file.stamp, stamp_of(file.descriptor->number(), path));
  if (!change.empty())
    throw checkpoint_error{path, change};
}

void require_sendable(const checkpoint& source) {
  for (const auto& tensor : source.tensors) {
    const auto& file = source.files[tensor.file].path.native();
    if (!torch_name(tensor.type))
      throw checkpoint_error{file, tensor.name,
                             "has dtype " + std::string{name(tensor.type)}
                                 + ", for which torch and so the engine's worker has no name"};
    if (tensor.type == dtype::f4 && tensor.shape.back() % 2 != 0)
      throw checkpoint_error{
          file, tensor.name,
          "has an odd last dimension, but the engine's worker counts F4 elements in pairs"};
  }
}

std::vector<std::uint64_t> torch_shape(const checkpoint_tensor& tensor) {
  auto shape = tensor.shape;
  if (tensor.type == dtype::f4)
    shape.back() /= 2;
  return shape;
}

} // namespace ckpt::io
