// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/service/service_options.hpp"

#include "apps/node/command_line.hpp"
#include "apps/node/key_file.hpp"
#include "apps/node/node_address.hpp"
#include "io/host_address.hpp"

#include <stdexcept>

#include <CLI/CLI.hpp>

namespace ckpt::apps {
namespace {

/// Other hosts' callers are to be met inside TLS: without it everybody on the way could read the key, and use
/// it.
[[nodiscard]] io::http_listen_address check_listen(const std::string& text, const network_options& network) {
  const auto said = parse_node_address("--listen", text);
  io::http_listen_address address{said.host, said.port, said.unix_socket_path};
  if (!said.unix_socket_path.empty())
    return address;
  const bool is_for_others = !io::is_loopback(said.host);
  const bool is_tls = said.is_tls.value_or(is_for_others && (network.is_encrypted() || !network.is_insecure));
  if (is_tls && !network.is_encrypted())
    throw std::invalid_argument{
        "--listen " + text
        + (said.is_tls ? ": https takes " : ": without TLS everybody on the way could read the key: give ")
        + "--tls-ca, --tls-cert and --tls-key (apps/make-certificates.sh makes them)"
        + (said.is_tls ? "" : ", or --insecure-network")};
  if (!is_tls && is_for_others && !network.is_insecure)
    throw std::invalid_argument{"--listen " + text
                                + ": everybody on the way could read the key: say https://, or "
                                  "--insecure-network"};
  if (is_tls)
    address.tls = io::tls_files{{}, network.tls_cert, network.tls_key};
  return address;
}

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
          "unix:PATH or ADDRESS:PORT, may be given again [unix:, below the user's runtime directory]. "
          "Inside\n"
          "TLS (--tls-cert, --tls-key) but on loopback; https:// or http:// before it says otherwise")
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

service_options check(const service_flags& flags, const network_options& network) {
  service_options options;
  bool is_open_to_others = false;
  for (const auto& text : flags.listen.empty() ? std::vector{default_node_address()} : flags.listen) {
    options.listen.push_back(check_listen(text, network));
    is_open_to_others = is_open_to_others || options.listen.back().unix_socket_path.empty();
  }
  if (!flags.listen_key_file.empty())
    options.listen_key = read_key_file("--listen-key-file", flags.listen_key_file);
  else if (is_open_to_others)
    throw std::invalid_argument{"--listen ADDRESS:PORT can be reached by every user of this host, at least: "
                                "give --listen-key-file, or listen at a unix: socket"};
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
