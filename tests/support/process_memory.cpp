// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/process_memory.hpp"

#include "io/error.hpp"
#include "io/fd.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace ckpt::tests {
namespace {

/// Memory that may be written to and belongs to no file.
struct region {
  std::uint64_t begin = 0, end = 0;
};

[[nodiscard]] bool parse(const std::string& line, region& parsed) {
  std::istringstream text{line};
  char dash = 0;
  std::string rights, offset, device, inode, name;
  text >> std::hex >> parsed.begin >> dash >> parsed.end >> rights >> offset >> device >> inode >> name;
  return rights == "rw-p" && inode == "0" && name.empty();
}

} // namespace

unsigned flip_a_bit(pid_t process, std::string_view bytes) {
  const auto directory = "/proc/" + std::to_string(process);
  const io::fd memory{::open((directory + "/mem").c_str(), O_RDWR | O_CLOEXEC)};
  if (!memory)
    throw io::system_failure(errno, "open", directory + "/mem");
  unsigned flipped = 0;
  std::ifstream maps{directory + "/maps"};
  region where;
  for (std::string line; std::getline(maps, line);) {
    // Sanitizers map terabytes of their own.
    if (!parse(line, where) || where.end - where.begin > (1u << 30))
      continue;
    std::string content(where.end - where.begin, '\0');
    const auto count =
        ::pread(memory.number(), content.data(), content.size(), static_cast<off_t>(where.begin));
    content.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    for (auto at = content.find(bytes); at != std::string::npos; at = content.find(bytes, at + 1)) {
      const char changed = static_cast<char>(content[at] ^ 1);
      if (::pwrite(memory.number(), &changed, 1, static_cast<off_t>(where.begin + at)) != 1)
        throw io::system_failure(errno, "write", directory + "/mem");
      ++flipped;
    }
  }
  return flipped;
}

} // namespace ckpt::tests
