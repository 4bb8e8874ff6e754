// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/service_options.hpp"

#include "apps/node/key_file.hpp"
#include "io/host_address.hpp"

#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include <CLI/CLI.hpp>
#include <sys/un.h>
#include <unistd.h>

namespace ckpt::apps {
namespace {

constexpr std::string_view unix_prefix = "unix:";

} // namespace

void add_service_flags(CLI::App& app, service_flags& flags) {
  flags.serve = app.add_subcommand(
      "serve",
      "Stay, and make one update after the other as they are asked for over HTTP. Takes\nthe flags of "
      "an update, without a checkpoint");
  flags.serve->fallthrough();
  flags.serve
      ->add_option(
          "--listen", flags.listen,
          "unix:PATH or ADDRESS:PORT, may be given again [unix:, below the user's runtime directory]")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  flags.serve->add_option("--listen-key-file", flags.listen_key_file,
                          "File with the key that callers over TCP have to send as a bearer token");
  flags.serve
      ->add_option("--resident-memory", flags.resident_memory_bytes,
                   "Memory for versions, which are then prepared while engines serve [0: none]")
      ->transform(CLI::AsSizeValue(false));
  flags.serve
      ->add_option("--read-limit", flags.read_limit, "Bytes a second at most while a version is prepared")
      ->transform(CLI::AsSizeValue(false));
  flags.serve->add_flag("--heal", flags.heal,
                        "Give engines that were started again the version that they are to serve");
  flags.serve->add_option("--watch", flags.watch,
                          "Publish each new version that is complete in this directory, under its name;\n"
                          "those that are overtaken are skipped");
  flags.serve
      ->add_option("--watch-marker", flags.watch_marker,
                   "The file in it that says that a version is complete; \"\": it is once it has its name")
      ->capture_default_str();
  flags.serve->add_option("--keep", flags.keep, "How many of those versions are remembered [0: all]");
  flags.serve
      ->add_option(
          "--on-failure", flags.on_failure,
          "What becomes of engines after a failed update: keep leaves them as they are, rollback gives\n"
          "all of them the version that they served before")
      ->check(CLI::IsMember({"keep", "rollback"}))
      ->capture_default_str();
}

std::string default_listen_address() {
  const auto* runtime = std::getenv("XDG_RUNTIME_DIR");
  const auto directory = runtime != nullptr && *runtime != '\0' ? std::string{runtime}
                                                                : "/run/user/" + std::to_string(::getuid());
  return std::string{unix_prefix} + directory + "/ckpt-actor.sock";
}

io::http_listen_address parse_listen_address(const std::string& text) {
  io::http_listen_address address;
  if (text.starts_with(unix_prefix)) {
    address.unix_socket_path = text.substr(unix_prefix.size());
    if (address.unix_socket_path.empty() || address.unix_socket_path.size() >= sizeof sockaddr_un{}.sun_path)
      throw std::invalid_argument{"--listen " + text + ": a path of 1 to 107 bytes is needed"};
    return address;
  }
  const auto colon = text.rfind(':');
  if (colon == std::string::npos)
    throw std::invalid_argument{"--listen " + text + ": neither unix:PATH nor ADDRESS:PORT"};
  address.host = text.substr(0, colon);
  if (address.host.starts_with('[') && address.host.ends_with(']'))
    address.host = address.host.substr(1, address.host.size() - 2);
  const auto port = std::string_view{text}.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size() || address.host.empty())
    throw std::invalid_argument{"--listen " + text + ": neither unix:PATH nor ADDRESS:PORT"};
  if (!io::is_loopback(address.host))
    throw std::invalid_argument{"--listen " + text
                                + ": only this host's own addresses, such as 127.0.0.1, can "
                                  "be listened at yet"};
  return address;
}

service_options check(const service_flags& flags) {
  service_options options;
  bool is_open_to_others = false;
  for (const auto& text : flags.listen.empty() ? std::vector{default_listen_address()} : flags.listen) {
    options.listen.push_back(parse_listen_address(text));
    is_open_to_others = is_open_to_others || options.listen.back().unix_socket_path.empty();
  }
  if (!flags.listen_key_file.empty())
    options.listen_key = read_key_file("--listen-key-file", flags.listen_key_file);
  else if (is_open_to_others)
    throw std::invalid_argument{"--listen ADDRESS:PORT can be reached by every user of this host: give "
                                "--listen-key-file, or listen at a unix: socket"};
  options.resident_memory_bytes = flags.resident_memory_bytes;
  options.read_bytes_per_second_max = flags.read_limit;
  options.heals = flags.heal;
  options.rolls_back = flags.on_failure == "rollback";
  options.watch = {flags.watch, flags.watch_marker};
  options.kept_versions_max = flags.keep;
  if (!flags.watch.empty() && !options.watch.directory.is_absolute())
    throw std::invalid_argument{"--watch " + flags.watch + ": an absolute path is needed"};
  if (flags.watch_marker.find('/') != std::string::npos)
    throw std::invalid_argument{"--watch-marker " + flags.watch_marker + ": the name of a file is needed"};
  if (flags.keep != 0 && flags.watch.empty())
    throw std::invalid_argument{"--keep is for the versions of --watch"};
  return options;
}

} // namespace ckpt::apps
