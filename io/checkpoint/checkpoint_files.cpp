// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/checkpoint/checkpoint_files.hpp"

#include "io/checkpoint/regular_file.hpp"
#include "io/checkpoint/shard_names.hpp"
#include "io/error.hpp"
#include "io/fd.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <memory>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace ckpt::io {
namespace {

struct directory_closer {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

/// Every `*.safetensors` of the directory but hidden ones, sorted by name.
std::vector<std::string> list_directory(int directory, const std::filesystem::path& path) {
  fd own{::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  const std::unique_ptr<DIR, directory_closer> entries{own ? ::fdopendir(own.number()) : nullptr};
  if (!entries)
    throw system_failure(errno, "open", path.native());
  static_cast<void>(own.release()); // Closed with the entries.
  std::vector<std::string> names;
  errno = 0;
  while (const auto* entry = ::readdir(entries.get())) {
    const std::string_view name{entry->d_name};
    if (name.ends_with(".safetensors") && name.front() != '.')
      names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0)
    throw system_failure(errno, "readdir", path.native());
  std::ranges::sort(names);
  return names;
}

} // namespace

std::vector<indexed_file> read_index(int directory, const std::filesystem::path& path) {
  const auto index_path = path / index_name;
  struct stat status {};
  // A link that leads nowhere is an index too: it has to be repaired, not ignored.
  if (::fstatat(directory, index_name.data(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT)
      return {};
    throw system_failure(errno, "stat", index_path.native());
  }
  const auto file = open_regular(directory, index_name, index_path);
  const auto bytes = static_cast<std::uint64_t>(file.status.st_size);
  if (bytes > index_bytes_max)
    throw checkpoint_error{index_path.native(), "is too long for an index"};
  const auto json = std::make_unique_for_overwrite<char[]>(bytes);
  read_exactly(file.descriptor.number(), {0, bytes}, json.get(), index_path.native());
  return parse_checkpoint_index({json.get(), bytes}, index_path.native());
}

found_files find_by_index(int directory, const std::filesystem::path& path,
                          const std::vector<indexed_file>& index) {
  found_files found;
  std::vector<std::string> named;
  for (const auto& file : index) {
    found.files.push_back({path / file.name, file.name, &file});
    named.push_back(file.name);
  }
  found.remarks = remarks_on_gaps(named);
  std::vector<std::string> stray;
  std::ranges::set_difference(list_directory(directory, path), named, std::back_inserter(stray));
  if (!stray.empty())
    found.remarks.push_back(path.native() + ": left out, for " + std::string{index_name}
                            + " does not name them: " + name_some(stray));
  return found;
}

found_files find_by_name(int directory, const std::filesystem::path& path) {
  auto chosen = choose_files(list_directory(directory, path));
  if (chosen.names.empty())
    throw checkpoint_error{path.native(),
                           "holds neither " + std::string{index_name} + " nor any *.safetensors file"};
  found_files found;
  for (const auto& name : chosen.names)
    found.files.push_back({path / name, name});
  found.remarks = remarks_on_gaps(chosen.names);
  if (!chosen.left_out.empty())
    found.remarks.push_back(
        path.native() + ": left out, a second copy beside model*.safetensors: " + name_some(chosen.left_out));
  return found;
}

found_files find_one(const std::filesystem::path& path) {
  found_files found{{{path, path}}, {}};
  const auto index = path.parent_path() / index_name;
  std::error_code none;
  if (is_one_of_several(path.filename().native()))
    found.remarks.push_back(path.native() + ": by its name one file of several; no other is sent");
  else if (std::filesystem::exists(index, none))
    found.remarks.push_back(path.native() + ": the only file that is sent, though " + std::string{index_name}
                            + " beside it may name more");
  return found;
}

} // namespace ckpt::io
