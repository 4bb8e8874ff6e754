// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What io/ throws. A failing system call is a std::system_error that names the call and the file; a checkpoint
// whose content is wrong is a checkpoint_error that names the file and, where there is one, the tensor.

#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace ckpt::io {

/// A checkpoint that cannot be used as it is: the file or directory named in the message has to be repaired.
class checkpoint_error : public std::runtime_error {
public:
  checkpoint_error(std::string_view file, std::string_view what)
      : std::runtime_error{std::string{file} + ": " + std::string{what}} {}

  checkpoint_error(std::string_view file, std::string_view tensor, std::string_view what)
      : std::runtime_error{std::string{file} + ": tensor \"" + std::string{tensor} + "\": " + std::string{what}} {}
};

/// The std::system_error for `call` having failed on `subject` with `error_number`: "open /x/y: No such file".
[[nodiscard]] inline std::system_error system_failure(int error_number, std::string_view call,
                                                      std::string_view subject) {
  return {error_number, std::generic_category(), std::string{call} + " " + std::string{subject}};
}

} // namespace ckpt::io
