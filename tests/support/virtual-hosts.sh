#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Many hosts on one machine: network namespaces, each with a loopback device of its own and an eth0 (10.77.0.1/24,
# 10.77.0.2/24, …), all plugged into one bridge, which has a namespace to itself. They share processes, files and
# /dev/shm; abstract Unix sockets they do not, so every host may bind the same names. Needs root and iproute2.
#
#   virtual-hosts.sh check                         says why this machine cannot have them, and ends with 1, or with 0
#   virtual-hosts.sh make CLUSTER COUNT            makes hosts 0 to COUNT - 1
#   virtual-hosts.sh run CLUSTER HOST PROGRAM…     becomes PROGRAM on that host: with the same process id
#   virtual-hosts.sh link CLUSTER HOST up|down     plugs its cable in, or pulls it out
#   virtual-hosts.sh part CLUSTER HOST OTHER       lets nothing through between these two, and nobody say so
#   virtual-hosts.sh rate CLUSTER HOST BYTES       lets its cable carry BYTES/s at most, each way
#   virtual-hosts.sh disk CLUSTER HOST PATH BYTES  what is run there afterwards reads PATH's disk at BYTES/s at most
#   virtual-hosts.sh remove CLUSTER                ends what still runs there and removes everything
#   virtual-hosts.sh remove-stale                  the same for the clusters of processes that are dead
#
# CLUSTER is PID-NUMBER, with the process id of whoever made it and will remove it.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

readonly names=ckpt-hosts
readonly groups_v1=/sys/fs/cgroup/blkio groups_v2=/sys/fs/cgroup

fail() {
  echo "virtual-hosts: $*" >&2
  exit 1
}

# The folder in which a host's control group for the disk lies.
groups() {
  if [[ -d $groups_v1 ]]; then echo $groups_v1; else echo $groups_v2; fi
}

check() {
  ((EUID == 0)) || fail "only root can make network namespaces"
  command -v ip >/dev/null || fail "iproute2 is not installed"
  local probe=$names-$$-probe why
  why=$(ip netns add "$probe" 2>&1) || fail "no network namespaces: $why"
  why=$({ ip -n "$probe" link add plug type veth peer name eth0 && ip -n "$probe" link add bridge type bridge &&
    ip netns exec "$probe" unshare --uts true; } 2>&1) || {
    ip netns del "$probe"
    fail "no virtual network: $why"
  }
  ip netns del "$probe"
}

make() {
  local cluster=$names-$1 count=$2 host
  local bridge=$cluster-bridge
  ip netns add "$bridge"
  ip -n "$bridge" link add bridge type bridge
  ip -n "$bridge" link set bridge up
  for ((host = 0; host < count; ++host)); do
    ip netns add "$cluster-$host"
    ip -n "$bridge" link add "plug$host" type veth peer name eth0 netns "$cluster-$host"
    ip -n "$bridge" link set "plug$host" master bridge up
    ip -n "$cluster-$host" addr add "10.77.0.$((host + 1))/24" dev eth0
    ip -n "$cluster-$host" link set eth0 up
    ip -n "$cluster-$host" link set lo up
  done
}

# Hosts on one kernel would find a way past their network, and a pulled cable would go unnoticed: UCX is told the way.
run() {
  local host=$names-$1-$2 number=$2 group
  group=$(groups)/$host
  shift 2
  if [[ -d $group ]]; then
    echo $$ >"$group/cgroup.procs"
  fi
  exec ip netns exec "$host" env UCX_TLS=tcp UCX_NET_DEVICES=eth0 \
    unshare --uts bash -c 'hostname "$1"; shift; exec "$@"' bash "host$number" "$@"
}

link() { ip -n "$names-$1-bridge" link set "plug$2" "$3"; }

# Each takes the other for a machine that is not there.
part() {
  local nobody=(lladdr 02:00:00:00:00:01 dev eth0 nud permanent)
  ip -n "$names-$1-$2" neigh replace "10.77.0.$(($3 + 1))" "${nobody[@]}"
  ip -n "$names-$1-$3" neigh replace "10.77.0.$(($2 + 1))" "${nobody[@]}"
}

rate() {
  local limit=(tbf rate "$(($3 * 8))bit" burst 1mb latency 100ms)
  tc -n "$names-$1-bridge" qdisc replace dev "plug$2" root "${limit[@]}"
  tc -n "$names-$1-$2" qdisc replace dev eth0 root "${limit[@]}"
}

disk() {
  local group device whole
  group=$(groups)/$names-$1-$2
  device=$(mountpoint --fs-devno "$(findmnt --noheadings --output TARGET --target "$3")")
  # Only whole disks can be slowed down.
  whole=/sys/dev/block/$device
  [[ -e $whole ]] || fail "$3 is on no disk that could be slowed down"
  [[ ! -e $whole/partition ]] || device=$(<"$whole/../dev")
  if [[ -d $groups_v1 ]]; then
    mkdir -p "$group"
    echo "$device $4" >"$group/blkio.throttle.read_bps_device"
  else
    echo +io >$groups_v2/cgroup.subtree_control
    mkdir -p "$group"
    echo "$device rbps=$4" >"$group/io.max"
  fi
}

# Ends the processes of a namespace and waits until they are gone: a control group with processes cannot be removed.
end_processes() {
  local pids tries
  for ((tries = 0; tries < 200; ++tries)); do
    pids=$(ip netns pids "$1")
    [[ -n $pids ]] || return 0
    kill -KILL $pids 2>/dev/null || true
    sleep 0.02
  done
  fail "processes of $1 do not end: $pids"
}

remove() {
  local space
  for space in $(ip netns list | awk -v prefix="$names-$1-" 'index($1, prefix) == 1 { print $1 }'); do
    end_processes "$space"
    ip netns del "$space"
    if [[ -d $(groups)/$space ]]; then
      rmdir "$(groups)/$space"
    fi
  done
}

remove_stale() {
  local cluster
  for cluster in $(ip netns list | sed -n "s/^$names-\([0-9]*-[0-9]*\)-.*/\1/p" | sort -u); do
    [[ -e /proc/${cluster%-*} ]] || remove "$cluster"
  done
}

case ${1-} in
  check | make | run | link | part | rate | disk | remove)
    "$@"
    ;;
  remove-stale)
    remove_stale
    ;;
  *)
    sed -n 's/^#   virtual/virtual/p' "$0" >&2
    exit 2
    ;;
esac
