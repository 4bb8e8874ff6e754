#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# The bundle, unpacked into a folder that nobody expects, run by a user without rights: an update, bit for bit.
#
#   tests/apps/bundle_test.sh BUILD_FOLDER
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$1

scratch=$(mktemp -d)
sink=
clean_up() {
  [[ -z $sink ]] || kill -9 "$sink" 2>/dev/null || true
  rm -rf "$scratch"
}
trap clean_up EXIT

apps/bundle.sh "$build" "$scratch/bundle.tar.gz"
where="$scratch/any folder"
mkdir "$where"
tar -xzf "$scratch/bundle.tar.gz" -C "$where" --strip-components=1
[[ -x $where/bin/ckpt-actor-node && -s $where/LICENSE ]]

as_nobody=()
if ((EUID == 0)); then
  as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  chmod 755 "$scratch"
  mkdir "$scratch/own"
  chown 65534:65534 "$scratch/own"
else
  mkdir "$scratch/own"
fi
run() { env -i PATH=/usr/bin:/bin "${as_nobody[@]}" "$@"; }

# What a program really loads comes from the bundle, but for what is the host's.
run env LD_DEBUG=libs LD_DEBUG_OUTPUT="$scratch/own/libs" "$where/bin/ckpt-actor-node" --version
loaded=$(sed -n 's/.*calling init: //p' "$scratch"/own/libs* | sort -u)
grep -qF "$where/bin/../lib/libucs.so" <<<"$loaded"
if grep -vF "$where/" <<<"$loaded" | grep -vE '/(ld-linux[^/]*|lib(c|m|pthread|dl|rt|resolv))\.so'; then
  echo "the libraries above were loaded from elsewhere" >&2
  exit 1
fi

cd "$scratch/own"
run "$where/bin/ckpt-bench" write --path "$scratch/own/checkpoint" --size 16MiB --shards 2
run "$where/bin/ckpt-sink" --port-file "$scratch/own/port" --updates 1 --verify "$scratch/own/checkpoint" \
  >"$scratch/own/sink.log" 2>&1 &
sink=$!
for ((i = 0; i < 300; ++i)); do
  [[ ! -s $scratch/own/port ]] || break
  sleep 0.1
done
run "$where/bin/ckpt-actor-node" --checkpoint-path "$scratch/own/checkpoint" --device host \
  --inference-parallel-size 1 --endpoint "http://127.0.0.1:$(<"$scratch/own/port")"
wait "$sink"
sink=
grep 'verified bit for bit' "$scratch/own/sink.log"
