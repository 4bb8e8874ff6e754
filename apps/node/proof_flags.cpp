// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/proof_flags.hpp"

#include "io/engine/engine_api.hpp"

#include <stdexcept>

#include <CLI/CLI.hpp>
#include <unistd.h>

namespace ckpt::apps {
namespace {

void check_doctor(const proof_flags& flags, const node_options& options) {
  if (options.layout.hosts > 1)
    throw std::invalid_argument{
        "doctor examines the engines of one host: run it without --nnodes, and not as "
        "one of several processes of Slurm or torchrun"};
  if (io::make_engine_api(options.update.engine, options.update.pause)->overwrite_request() == std::nullopt)
    throw std::invalid_argument{"doctor needs an engine that can tell checksums and be overwritten: "
                                + std::string{io::name(options.update.engine)} + " cannot, sglang can"};
  if (options.prove_against != "")
    throw std::invalid_argument{"doctor compares with what the engine has loaded, not with a report: leave "
                                "--prove-against out"};
  if (!flags.yes && !options.dry_run && ::isatty(STDIN_FILENO) != 1)
    throw std::invalid_argument{
        "doctor interrupts serving and overwrites all weights of the engine: say --yes, "
        "or start it in a terminal, where it asks"};
}

} // namespace

void add_proof_flags(CLI::App& app, proof_flags& flags) {
  app.add_flag("--prove", flags.prove,
               "Ask the engines afterwards for the checksums of what they hold (SGLang): all have to hold\n"
               "the same");
  app.add_option("--prove-against", flags.against,
                 "The same, and they have to be those in this report of an earlier update");
  flags.doctor = app.add_subcommand(
      "doctor", "With an engine (SGLang) that has loaded the checkpoint by itself: "
                "overwrite\nits weights, update it, and say which parameters the update does "
                "not reach or\nsets otherwise. Interrupts serving. Takes the flags of an update");
  flags.doctor->add_flag("--yes", flags.yes, "Do not ask whether serving may be interrupted");
  flags.doctor->fallthrough();
}

void apply(const proof_flags& flags, node_options& options) {
  options.prove_against = flags.against;
  options.doctor = flags.doctor->parsed();
  options.is_answered = flags.yes;
  if (options.doctor)
    check_doctor(flags, options);
  options.update.prove = options.doctor || !flags.against.empty() ? actors::proof_demand::must
                         : flags.prove                            ? actors::proof_demand::if_it_can
                                                                  : actors::proof_demand::none;
}

} // namespace ckpt::apps
