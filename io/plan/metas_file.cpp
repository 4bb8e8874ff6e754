// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/plan/metas_file.hpp"

#include "io/error.hpp"
#include "io/fd.hpp"
#include "io/utf8.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <set>
#include <stdexcept>

#include <boost/json.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ckpt::io {
namespace {

namespace json = boost::json;

constexpr std::string_view format_name = "ckpt-actor-metas";
constexpr std::int64_t format_version = 1;
constexpr std::size_t file_bytes_max = 64 << 20;
constexpr std::size_t hosts_max = 65'536;
constexpr std::size_t secret_bytes_min = 16, secret_bytes_max = 256;

[[noreturn]] void refuse(std::string_view file, const std::string& why) {
  throw std::invalid_argument{std::string{file} + ": " + why};
}

[[nodiscard]] std::string hexadecimal(std::uint64_t value) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

[[nodiscard]] std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    text += digits[static_cast<unsigned char>(byte) >> 4];
    text += digits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

/// Reads members of the file's JSON. Errors name the member.
class reader {
public:
  reader(std::string_view file, const json::object& object) : file_{file}, object_{object} {}

  [[nodiscard]] const json::value& value(std::string_view member) const {
    const auto* found = object_.if_contains(member);
    if (found == nullptr)
      refuse(file_, "has no \"" + std::string{member} + "\"");
    return *found;
  }

  [[nodiscard]] std::string text(std::string_view member) const {
    const auto& found = value(member);
    if (!found.is_string() || valid_utf8(std::string{found.get_string()}) != std::string{found.get_string()})
      refuse(file_, "its \"" + std::string{member} + "\" is no text");
    return std::string{found.get_string()};
  }

  [[nodiscard]] bool truth(std::string_view member) const {
    if (!value(member).is_bool())
      refuse(file_, "its \"" + std::string{member} + "\" is neither true nor false");
    return value(member).get_bool();
  }

  [[nodiscard]] std::int64_t number(std::string_view member) const {
    if (!value(member).is_int64())
      refuse(file_, "its \"" + std::string{member} + "\" is no whole number");
    return value(member).get_int64();
  }

  [[nodiscard]] std::uint64_t digest(std::string_view member) const {
    const auto digits = text(member);
    std::uint64_t result = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result, 16);
    if (digits.size() != 16 || error != std::errc{} || end != digits.data() + digits.size())
      refuse(file_, "its \"" + std::string{member} + "\" is not 16 hexadecimal digits");
    return result;
  }

  [[nodiscard]] std::string bytes(std::string_view member) const {
    const auto digits = text(member);
    std::string result;
    for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
      unsigned byte = 0;
      const auto* begin = digits.data() + at;
      if (std::from_chars(begin, begin + 2, byte, 16).ptr != begin + 2)
        refuse(file_, "its \"" + std::string{member} + "\" is not hexadecimal");
      result += static_cast<char>(byte);
    }
    if (digits.size() % 2 != 0 || result.size() < secret_bytes_min || result.size() > secret_bytes_max)
      refuse(file_, "its \"" + std::string{member} + "\" has an impossible length");
    return result;
  }

private:
  std::string_view file_;
  const json::object& object_;
};

[[nodiscard]] metas_host read_host(const json::value& value, std::string_view file) {
  if (!value.is_object())
    refuse(file, "one of its \"hosts\" is no object");
  const reader from{file, value.get_object()};
  metas_host host{from.text("name"), from.text("address"), 0, from.digest("share")};
  const auto port = from.number("port");
  if (port < 1 || port > 65'535 || host.address.empty())
    refuse(file, "has a host without a usable address and port: " + printable(host.name));
  host.port = static_cast<std::uint16_t>(port);
  return host;
}

/// Recognizes by their first bytes files that people take for such a file.
void refuse_what_it_is_not(std::string_view text, std::string_view file) {
  if (text.empty())
    refuse(file, "is empty");
  if (text.front() == '\x80')
    refuse(file,
           "is a pickle, as the reference's --save-metas-file writes: reading one executes what is in it. "
           "Save it with ckpt-actor-node");
}

} // namespace

std::string serialize(const metas& written) {
  json::array hosts;
  for (const auto& host : written.hosts)
    hosts.push_back(json::object{{"name", valid_utf8(host.name)},
                                 {"address", host.address},
                                 {"port", host.port},
                                 {"share", hexadecimal(host.share_digest)}});
  const json::object whole{{"format", format_name},
                           {"format_version", format_version},
                           {"checkpoint_name", valid_utf8(written.checkpoint_name)},
                           {"weight_version", written.weight_version ? json::value(*written.weight_version)
                                                                     : json::value(nullptr)},
                           {"tables", hexadecimal(written.tables_digest)},
                           {"secret", hexadecimal(std::string_view{written.secret})},
                           {"tls", written.is_encrypted},
                           {"hosts", std::move(hosts)}};
  return json::serialize(whole) + '\n';
}

metas read_metas(const std::filesystem::path& path) {
  const fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)}; // Opening a pipe must not wait.
  struct stat status {};
  if (!file || ::fstat(file.number(), &status) != 0)
    throw system_failure(errno, "open", path.native());
  if (!S_ISREG(status.st_mode))
    refuse(path.native(), "is no regular file");
  std::string text;
  std::array<char, 65'536> piece{};
  for (;;) {
    const auto count = ::read(file.number(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      throw system_failure(errno, "read", path.native());
    if (count == 0)
      break;
    text.append(piece.data(), static_cast<std::size_t>(count));
    if (text.size() > file_bytes_max)
      refuse(path.native(), "is too long to be a file of --save-metas-file");
  }
  return parse_metas(text, path.native());
}

metas parse_metas(std::string_view text, std::string_view file) {
  refuse_what_it_is_not(text, file);
  json::error_code error;
  const auto parsed = json::parse(json::string_view{text.data(), text.size()}, error);
  if (error || !parsed.is_object())
    refuse(file, "is no file of --save-metas-file, or was cut off: "
                     + (error ? error.message() : "no JSON object"));
  const reader from{file, parsed.get_object()};
  if (from.text("format") != format_name)
    refuse(file, "is no file of --save-metas-file");
  if (from.number("format_version") != format_version)
    refuse(file, "has format version " + std::to_string(from.number("format_version"))
                     + ", and this program reads version " + std::to_string(format_version));
  metas result;
  result.checkpoint_name = from.text("checkpoint_name");
  if (!from.value("weight_version").is_null())
    result.weight_version = from.text("weight_version");
  result.tables_digest = from.digest("tables");
  result.secret = from.bytes("secret");
  result.is_encrypted = from.truth("tls");
  const auto& hosts = from.value("hosts");
  if (!hosts.is_array() || hosts.get_array().empty())
    refuse(file, "names no hosts");
  if (hosts.get_array().size() > hosts_max)
    refuse(file, "names more than " + std::to_string(hosts_max) + " hosts");
  std::set<std::pair<std::string, std::uint16_t>> places;
  for (const auto& host : hosts.get_array()) {
    result.hosts.push_back(read_host(host, file));
    if (!places.insert({result.hosts.back().address, result.hosts.back().port}).second)
      refuse(file, "names " + printable(result.hosts.back().address) + " twice with the same port");
  }
  return result;
}

} // namespace ckpt::io
