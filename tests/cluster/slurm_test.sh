#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Updates of two hosts that srun starts, under a real Slurm: one that succeeds, one that scancel ends in the middle, and
# the next one, which succeeds again. Then the job scripts: a resident node with a loop, and a job that joins another one.
#
#   slurm_test.sh BUILD_DIR     ends with 77, and says why, where there can be no Slurm
set -euo pipefail

readonly build=$(cd "${1:?usage: slurm_test.sh BUILD_DIR}" && pwd)
readonly slurm=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/slurm.sh
readonly patience_s=40

if ! why=$("$slurm" check 2>&1); then
  echo "skipped: $why"
  exit 77
fi

scratch=$(mktemp -d /tmp/ckpt-slurm.XXXXXX)
sinks=()
srun_process=
clean_up() {
  local process
  [[ ! -e $scratch/slurm/slurm.conf ]] || "$slurm" stop "$scratch/slurm" || true
  for process in $srun_process "${sinks[@]}"; do
    kill "$process" 2>/dev/null || true
  done
  wait
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 143' TERM INT

fail() {
  echo "slurm_test: $*" >&2
  tail -n 30 "$scratch"/*.log >&2
  exit 1
}

# until_true COMMAND…: waits for it; fails when it does not come true.
until_true() {
  local i
  for ((i = 0; i < patience_s * 10; ++i)); do
    ! "$@" || return 0
    sleep 0.1
  done
  return 1
}

is_over() { ! kill -0 "$1" 2>/dev/null; }
no_job_left() { [[ -z $(squeue --noheader) ]]; }
only_job_left() { [[ $(squeue --noheader --format=%i) == "$1" ]]; }
# Other tests may run beside this one: only a ring that no living process has locked was left behind.
rings_left() {
  local ring
  for ring in /dev/shm/ckpt-actor-ring-*; do
    [[ -e $ring ]] || continue
    # Opened for reading: flock would create the file anew if its owner has removed it meanwhile.
    ! { flock --nonblock --shared 9; } 2>/dev/null 9<"$ring" || echo "$ring"
  done
}
no_ring_left() { [[ -z $(rings_left) ]]; }

# Two engines that compare every byte; more flags for both may follow.
start_sinks() {
  local index
  endpoints=()
  sinks=()
  for index in 0 1; do
    rm -f "$scratch/port$index"
    "$build/apps/ckpt-sink" --verify "$scratch/checkpoint" --port-file "$scratch/port$index" --timeout $patience_s "$@" \
      >"$scratch/sink$index.log" 2>&1 &
    sinks+=($!)
  done
  for index in 0 1; do
    until_true test -s "$scratch/port$index" || fail "engine $index does not listen"
    endpoints+=(--endpoint "http://127.0.0.1:$(<"$scratch/port$index")")
  done
}

stop_sinks() {
  kill "${sinks[@]}"
  wait "${sinks[@]}" || true
  sinks=()
}

# The endpoints are those of the whole cluster: each node takes its own.
start_update() {
  srun -N2 --ntasks-per-node=1 --kill-on-bad-exit=0 "$build/apps/ckpt-actor-node" --checkpoint-path "$scratch/checkpoint" \
    --device host --devices 1 --inference-parallel-size 1 "${endpoints[@]}" --master-addr 127.0.0.1 \
    --master-port "$master_port" --timeout $patience_s --bucket-size 4MiB --chunk-size 1MiB --host-memory 16MiB \
    >"$scratch/update.log" 2>&1 &
  srun_process=$!
}

end_of_update() {
  until_true is_over "$srun_process" || fail "the update hangs"
  local status=0
  wait "$srun_process" || status=$?
  srun_process=
  return $status
}

expect_update_succeeds() {
  local index
  start_update
  end_of_update || fail "$1 ended with status $?"
  for index in 0 1; do
    grep -q 'verified bit for bit' "$scratch/sink$index.log" || fail "$1: engine $index has not verified its weights"
  done
  until_true no_ring_left || fail "$1 left in /dev/shm: $(rings_left)"
  echo "$1: both engines are updated"
}

readonly master_port=$((12000 + RANDOM % 8000))
"$build/apps/ckpt-bench" write --path "$scratch/checkpoint" --size 64MiB --shards 3 >/dev/null
"$slurm" start "$scratch/slurm"
export SLURM_CONF=$scratch/slurm/slurm.conf

start_sinks
expect_update_succeeds "the first update"
stop_sinks

start_sinks --worker-seconds-per-gib 320 # 20 s for all
start_update
until_true grep -q "engine .* is ready" "$scratch/update.log" || fail "the slow update does not begin"
sleep 3
scancel "$(squeue --noheader --format=%i)"
status=0
end_of_update || status=$?
((status != 0)) || fail "the cancelled update ended with status 0"
until_true no_job_left || fail "scancel leaves a node running"
until_true no_ring_left || fail "the cancelled update left in /dev/shm: $(rings_left)"
for index in 0 1; do
  is_over "${sinks[index]}" && fail "engine $index ended with the cancelled update"
  until_true grep -qiE 'gave up|given up|failed' "$scratch/sink$index.log" ||
    fail "engine $index does not know that the update was given up"
done
echo "the cancelled update: status $status"
stop_sinks

start_sinks
expect_update_succeeds "the update after it"
stop_sinks

# A job with a resident node and a loop that publishes two versions: it ends with the loop's status.
start_sinks --readiness serving
urls=()
for index in 0 1; do
  urls+=("http://127.0.0.1:$(<"$scratch/port$index")")
done
export NODE=$build/apps/ckpt-actor-node DEVICE=host DEVICES=1 WORKERS=1 ENDPOINTS="${urls[*]}" ENGINE_COMMAND="" \
  SOCKETS=$scratch/sockets MASTER_PORT=$((master_port + 1)) TIMEOUT=$patience_s RESIDENT_MEMORY=256MiB \
  MORE="--master-addr 127.0.0.1 --bucket-size 4MiB --chunk-size 1MiB --host-memory 16MiB"
export LOOP="for v in 1 2; do '$NODE' publish '$scratch/checkpoint' --version step-\$v --wait --node \"\$CKPT_NODE\" || exit; done; exit 7"
status=0
timeout $patience_s sbatch -N2 --wait --output="$scratch/resident.log" "$(dirname "$slurm")/../../apps/slurm/resident.sbatch" ||
  status=$?
((status == 7)) || fail "the job with a resident node ended with status $status"
for index in 0 1; do
  [[ $(grep -c 'verified bit for bit' "$scratch/sink$index.log") == 2 ]] || fail "engine $index has not taken both versions"
  grep -q 'step-2' "$scratch/sink$index.log" || fail "engine $index does not serve the second version"
done
until_true no_job_left || fail "the job with a resident node leaves something running"
until_true no_ring_left || fail "the job with a resident node left in /dev/shm: $(rings_left)"
echo "the job with a resident node: both engines took both versions"
stop_sinks

# One job whose host keeps the weights in memory, and another one whose engine takes them from there.
start_sinks --readiness serving
unset CHECKPOINT LOOP
metas=$scratch/metas.json
sizes="--bucket-size 4MiB --chunk-size 1MiB --host-memory 16MiB"
source_job=$(CHECKPOINT=$scratch/checkpoint ENDPOINTS=${endpoints[1]} MASTER_PORT=$((master_port + 2)) \
  MORE="--save-metas-file $metas --sleep-time 600 $sizes" \
  sbatch --parsable -N1 --nodelist=n0 --output="$scratch/source-job.log" "$(dirname "$slurm")/../../apps/slurm/update.sbatch")
until_true test -s "$metas" || fail "the job with the weights does not offer them"
status=0
METAS=$metas ENDPOINTS=${endpoints[3]} MASTER_PORT=$((master_port + 3)) MORE="--host-memory 16MiB" timeout $patience_s \
  sbatch -N1 --nodelist=n1 --wait --output="$scratch/joining-job.log" "$(dirname "$slurm")/../../apps/slurm/join.sbatch" || status=$?
((status == 0)) || fail "the job that joins ended with status $status"
for index in 0 1; do
  grep -q 'verified bit for bit' "$scratch/sink$index.log" || fail "engine $index has not verified its weights"
done
grep -q "in the memory of 1 host" "$scratch/joining-job.log" || fail "the job that joins has read files"
# A job may still be listed for a while after its end.
until_true only_job_left "$source_job" || fail "the job with the weights has ended by itself, or the other one has not"
scancel "$source_job"
until_true no_job_left || fail "the job with the weights leaves something running"
until_true no_ring_left || fail "the job with the weights left in /dev/shm: $(rings_left)"
echo "the job that joins: its engine has the weights of the other job"
stop_sinks
