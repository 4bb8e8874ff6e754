// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The exceptions of io/. A failing system call is a std::system_error that names the call and the file; a
// checkpoint with wrong content is a checkpoint_error that names the file and, where there is one, the
// tensor.

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace ckpt::io {

/// `text` from a file, made safe for a message: control characters, which could end the message or drive a
/// terminal, become '?'; a very long text is cut.
[[nodiscard]] inline std::string printable(std::string_view text) {
  constexpr std::size_t bytes_max = 512;
  auto bytes = text.size();
  if (bytes > bytes_max) // not inside a UTF-8 sequence
    for (bytes = bytes_max; bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80;)
      --bytes;
  std::string result{text.substr(0, bytes)};
  for (auto& c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = '?';
  if (bytes < text.size())
    result += "...";
  return result;
}

/// "a, b, c, d, e and 4 more": a list of names, shortened for a message.
template <class Names>
[[nodiscard]] std::string name_some(const Names& names) {
  constexpr std::size_t named_max = 5;
  std::string text;
  std::size_t count = 0;
  for (const auto& name : names)
    if (++count <= named_max)
      text += (count == 1 ? "" : ", ") + printable(name);
  return count > named_max ? text + " and " + std::to_string(count - named_max) + " more" : text;
}

/// A checkpoint that cannot be used as it is: the file or directory named in the message has to be repaired.
class checkpoint_error : public std::runtime_error {
public:
  checkpoint_error(std::string_view file, std::string_view what)
      : std::runtime_error{std::string{file} + ": " + std::string{what}} {}

  checkpoint_error(std::string_view file, std::string_view tensor, std::string_view what)
      : std::runtime_error{std::string{file} + ": tensor \"" + printable(tensor)
                           + "\": " + std::string{what}} {}
};

/// The std::system_error for `call` having failed on `subject` with `error_number`: "open /x/y: No such
/// file".
[[nodiscard]] inline std::system_error system_failure(int error_number, std::string_view call,
                                                      std::string_view subject) {
  return {error_number, std::generic_category(), std::string{call} + " " + std::string{subject}};
}

} // namespace ckpt::io
