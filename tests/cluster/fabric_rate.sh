#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# How fast a broadcast goes from one host to another, against ucx_perftest between the same two: network namespaces with
# one veth pair, TCP, the two measured in turn. Needs root and ucx-utils. Prints both medians and their ratio.
#
#   tests/cluster/fabric_rate.sh [PROBE [RUNS [OPTION OF THE PROBE]...]]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
probe=${1:-build/tests/cluster/fabric_probe}
runs=${2:-5}
probe_options=("${@:3}")

readonly message_bytes=4194304
readonly messages=1000
readonly sender=ckpt-rate-$$-a receiver=ckpt-rate-$$-b
readonly sender_link=rate$$a receiver_link=rate$$b # at most 15 characters
readonly sender_address=10.213.0.1 receiver_address=10.213.0.2
directory=$(mktemp -d)

clean_up() {
  trap - EXIT INT TERM
  local namespace
  for namespace in "$sender" "$receiver"; do
    ip netns pids "$namespace" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
    ip netns delete "$namespace" 2>/dev/null || true # Its end of the veth pair goes with it, and so the other one.
  done
  rm -rf "$directory"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

in_namespace() { # NAMESPACE LINK COMMAND...
  # UCX would find shared memory: it is one machine. A side that is left alone would spin for ever.
  UCX_TLS=tcp UCX_NET_DEVICES=$2 timeout --signal KILL 120 ip netns exec "$1" "${@:3}"
}

# Everything runs in the background, and the shell only waits: so a signal ends it at once.
perftest_rate() {
  local arguments=(-t tag_bw -s "$message_bytes" -n "$messages" -w 50) server client
  in_namespace "$receiver" "$receiver_link" ucx_perftest "${arguments[@]}" >/dev/null &
  server=$!
  until ip netns exec "$receiver" ss -ltn | grep -q :13337; do sleep 0.1; done
  in_namespace "$sender" "$sender_link" ucx_perftest $receiver_address "${arguments[@]}" >"$directory"/output &
  client=$!
  wait $client
  wait $server
  # The last line has the average bandwidth over the whole run, in MiB/s, as its seventh word.
  awk '/^Final:/ { printf "%.0f\n", $7 * 1048576 }' "$directory"/output
}

probe_rate() {
  local common=(--directory "$directory" "${probe_options[@]}") server client
  rm -f "$directory"/host-*
  in_namespace "$receiver" "$receiver_link" "$probe" --host 1 "${common[@]}" &
  server=$!
  in_namespace "$sender" "$sender_link" "$probe" --host 0 "${common[@]}" >/dev/null &
  client=$!
  wait $client
  wait $server
}

median() { sort -n | awk '{ rate[NR] = $1 } END { print rate[int((NR + 1) / 2)] }'; }

ip netns add "$sender"
ip netns add "$receiver"
ip link add "$sender_link" netns "$sender" type veth peer name "$receiver_link" netns "$receiver"
ip -n "$sender" address add $sender_address/24 dev "$sender_link"
ip -n "$receiver" address add $receiver_address/24 dev "$receiver_link"
for namespace in "$sender" "$receiver"; do
  ip -n "$namespace" link set lo up
done
ip -n "$sender" link set "$sender_link" up
ip -n "$receiver" link set "$receiver_link" up
until ip -n "$receiver" link show "$receiver_link" | grep -q 'state UP'; do sleep 0.1; done

for ((run = 1; run <= runs; ++run)); do
  perftest_rate >>"$directory"/perftest
  probe_rate >>"$directory"/probe
  echo "run $run: ucx_perftest $(tail -1 "$directory"/perftest) bytes/s, broadcast $(tail -1 "$directory"/probe) bytes/s"
done
perftest=$(median <"$directory"/perftest)
broadcast=$(median <"$directory"/probe)
echo "medians of $runs: ucx_perftest $perftest bytes/s, broadcast $broadcast bytes/s, ratio" \
  "$(awk "BEGIN { printf \"%.2f\", $broadcast / $perftest }")"
