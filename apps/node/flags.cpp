// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "apps/node/flags.hpp"

#include <CLI/CLI.hpp>

namespace ckpt::apps {
namespace {

void add_reference_flags(CLI::App& app, raw_options& raw) {
  app.add_option("--checkpoint-path", raw.checkpoint_path,
                 "Directory of the checkpoint (with or without model.safetensors.index.json), or one file");
  app.add_option("--update-method", raw.update_method,
                 "broadcast: from the hosts that read to every engine; p2p: from the memory of other hosts\n"
                 "(--load-metas-file) to the engines named here")
      ->check(CLI::IsMember({"broadcast", "p2p", "all"}))
      ->capture_default_str();
  app.add_option("--inference-parallel-size", raw.inference_parallel_size, "Workers (devices) of one engine")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option(
         "--endpoint", raw.endpoints,
         "Address of the engine's server; once per engine led by this host, or once per engine of all\n"
         "hosts")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->capture_default_str();
  app.add_option("--checkpoint-name", raw.checkpoint_name, "Name of the checkpoint in log and report")
      ->capture_default_str();
  app.add_option("--uds", raw.uds, "Reach the server over this Unix socket instead of TCP");
  app.add_option("--weight-version", raw.weight_version,
                 "Version that the engine shall report afterwards; checked where the engine tells it");
  app.add_option("--sleep-time", raw.sleep_seconds, "Seconds to stay alive after a successful update")
      ->check(CLI::Range(0u, 31'536'000u))
      ->capture_default_str();
  app.add_option(
      "--save-metas-file", raw.save_metas_file,
      "Keep this host's share of the weights in memory for --sleep-time, and write to this file how\n"
      "hosts that join reach them");
  app.add_option("--load-metas-file", raw.load_metas_file,
                 "Take the weights from the memory of the hosts that saved this file; implies p2p. With\n"
                 "--checkpoint-path: what they do not have is read from there");
}

void add_own_flags(CLI::App& app, raw_options& raw) {
  app.add_option("--engine", raw.engine, "Kind of server")
      ->check(CLI::IsMember({"sglang", "vllm", "lmdeploy"}))
      ->capture_default_str();
  app.add_option("--device", raw.device, "cuda: GPUs; host: shared memory in their place; auto: cuda")
      ->check(CLI::IsMember({"auto", "cuda", "host"}))
      ->capture_default_str();
  app.add_option(
         "--devices", raw.devices,
         "Devices of this host (default: inference-parallel-size for each endpoint); needed where an\n"
         "engine sits on several hosts")
      ->check(CLI::Range(1, 4096));
  app.add_option("--api-key-file", raw.api_key_file,
                 "File with the server's API key, sent as a bearer token");
  app.add_option("--timeout", raw.timeout_seconds,
                 "Seconds that any single wait may take: for the server, a worker's answer, a read")
      ->check(CLI::Range(0.1, 86'400.0))
      ->capture_default_str();
  app.add_option(
         "--pause", raw.pause,
         "How requests are stopped while weights change. sglang: retract (auto), in_place, abort, none;\n"
         "vllm: keep (auto), wait, abort, none; lmdeploy: sleep (auto)")
      ->capture_default_str();
  app.add_option("--stay-time", raw.stay_seconds,
                 "Seconds to stay, after a failure, with a server that may still start its workers")
      ->check(CLI::Range(0.0, 86'400.0))
      ->capture_default_str();
  app.add_option(
         "--keep-together", raw.keep_together,
         "Tensors that the engine has to get in one call, beside those that are known; may be given again.\n"
         "The beginning of their names: * is any text, the same in all of them, {a,b} one of several, such\n"
         "as 'model.layers.*.mlp.{gate,up}'")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--report", raw.report, "Write the verdict as JSON to this file");
  app.add_option("--trace", raw.trace,
                 "Write what each disk, device, worker and server did, and when, to this file, for\n"
                 "ui.perfetto.dev; of several hosts host 0 writes it, for all");
  app.add_flag("--dry-run", raw.dry_run, "Print the plan (files, bytes, buckets, memory) and move nothing");
}

void add_cluster_flags(CLI::App& app, raw_options& raw) {
  constexpr auto group =
      "Several hosts (one process each; else Slurm's or torchrun's variables, else one host)";
  app.add_option("--nnodes", raw.cluster.nnodes, "Hosts that take part")->group(group);
  app.add_option("--node-rank", raw.cluster.node_rank, "Which of them this one is, from 0")->group(group);
  app.add_option("--master-addr", raw.cluster.master_addr, "Address of host 0")->group(group);
  app.add_option("--master-port", raw.cluster.master_port, "Its port [29500]")->group(group);
  app.add_option("--tls-ca", raw.network.tls_ca, "Certificate of the authority that all hosts trust")
      ->group(group);
  app.add_option("--tls-cert", raw.network.tls_cert, "This host's certificate")->group(group);
  app.add_option("--tls-key", raw.network.tls_key, "Its private key")->group(group);
  app.add_flag("--insecure-network", raw.network.is_insecure,
               "Without TLS: anybody who reaches the ports may take part")
      ->group(group);
  app.add_option("--host-timeout", raw.host_timeout_seconds, "Seconds of silence after which a host is lost")
      ->check(CLI::Range(1.0, 3'600.0))
      ->capture_default_str()
      ->group(group);
}

void add_peer_flags(CLI::App& app, raw_options& raw) {
  constexpr auto group = "Hosts that join (see --save-metas-file, --load-metas-file)";
  app.add_option(
         "--peer-address", raw.peer_address,
         "Own address at which hosts that join are let in [--master-addr on host 0, else the one on the\n"
         "way there; 127.0.0.1 where there is one host]")
      ->group(group);
  app.add_option("--send-limit", raw.send_limit, "Bytes a second sent to hosts that join, such as 500MiB")
      ->transform(CLI::AsSizeValue(false))
      ->group(group);
}

void add_tuning_flags(CLI::App& app, raw_options& raw) {
  const auto size = CLI::AsSizeValue(false);
  app.add_option("--host-memory", raw.host_memory_bytes, "Staging memory at most, such as 512MiB [1GiB]")
      ->transform(size)
      ->group("Tuning");
  app.add_option("--bucket-size", raw.bucket_bytes,
                 "Tensors handed over at a time; the engine's devices give the largest group + 2 buckets\n"
                 "[a 64th of the checkpoint, between 16MiB and 256MiB]")
      ->transform(size)
      ->group("Tuning");
  app.add_option("--chunk-size", raw.chunk_bytes, "Bytes of one read [4MiB]")
      ->transform(size)
      ->group("Tuning");
  app.add_option("--ipc-handle", raw.ipc_handle,
                 "How a GPU's memory is named to workers: versioned, or raw, as torch before 2.5 wrote it")
      ->check(CLI::IsMember({"versioned", "raw"}))
      ->capture_default_str()
      ->group("Tuning");
  app.add_option("--reads-in-flight", raw.reads_in_flight, "Reads under way at the same time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group("Tuning");
}

} // namespace

void add_flags(CLI::App& app, raw_options& raw) {
  add_reference_flags(app, raw);
  add_own_flags(app, raw);
  add_proof_flags(app, raw.proof);
  add_service_flags(app, raw.service);
  add_cluster_flags(app, raw);
  add_peer_flags(app, raw);
  add_tuning_flags(app, raw);
}

} // namespace ckpt::apps
