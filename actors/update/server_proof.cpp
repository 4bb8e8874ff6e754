// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Asks an updated engine for the checksums of its weights, while it generates again. A failure here changes
// nothing about the update: it is noted, and judged when all engines have answered.

#include "actors/update/server_notifier_steps.hpp"

namespace ckpt::actors::notifier {

namespace {

void end_proof(self_pointer self) {
  self->state.at = step::over;
  end_step(self->state, server_step::prove);
  tell(self, server_progress::step::proved);
}

void fail_proof(self_pointer self, const std::string& why) {
  self->state.account.proof.failed = "it could not be proved what it serves: " + why;
  end_proof(self);
}

/// The engine cannot report checksums.
void do_without(self_pointer self, const std::string& why) {
  if (self->state.context->options.prove == proof_demand::must) {
    fail_proof(self, why);
    return;
  }
  remark(self, why + ": nothing is proved");
  end_proof(self);
}

} // namespace

void prove(self_pointer self) {
  auto& state = self->state;
  state.deadline.reset(); // The call has one.
  const auto request = state.api->checksum_request();
  if (!request) {
    do_without(self, "engines of this kind cannot tell the checksums of their weights");
    return;
  }
  state.at = step::proving;
  begin_step(state, server_step::prove);
  state.asked = meter::clock::now();
  start_call(self, *request, state.context->options.timeout);
}

void on_checksums(self_pointer self, const std::optional<io::http_response>& response,
                  const std::string& error) {
  auto& state = self->state;
  if (!response) {
    fail_proof(self, "POST " + state.request.target + ": " + error);
    return;
  }
  auto& proof = state.account.proof;
  proof.seconds = std::chrono::duration<double>{meter::clock::now() - state.asked}.count();
  auto said = state.api->judge_checksums(*response, state.context->layout.devices_per_engine);
  if (said.answer.is != meaning::go) {
    fail_proof(self, said.answer.why);
    return;
  }
  if (said.checksums.empty()) {
    do_without(self, said.answer.remark);
    return;
  }
  proof.parameters = io::count_parameters(said.checksums);
  proof.digest = io::digest(said.checksums);
  state.context->checksums[state.engine] = std::move(said.checksums);
  end_proof(self);
}

} // namespace ckpt::actors::notifier
