#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# A real Slurm on one machine: a controller and two nodes, n0 and n1, that share everything else. All it writes lies below
# DIR, nothing under /etc or /var. Needs root, and Debian's slurmctld, slurmd, slurm-client and munge.
#
#   slurm.sh check        says why this machine cannot have it, and ends with 1, or with 0
#   slurm.sh start DIR    makes DIR, which must not exist, and returns when both nodes are idle
#   slurm.sh stop DIR     ends its jobs and daemons, and removes DIR
#
# In between: SLURM_CONF=DIR/slurm.conf srun -N2 …
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

readonly patience_s=30
readonly socket_path_max=107 # characters; what the kernel takes

fail() {
  echo "slurm.sh: $*" >&2
  exit 1
}

check() {
  ((EUID == 0)) || fail "only root can start slurmd"
  local program
  for program in munged slurmctld slurmd srun sbatch scancel sinfo squeue; do
    command -v $program >/dev/null || fail "$program is not installed"
  done
}

# Three ports in a row that nobody listens on. Below those that the kernel gives to outgoing connections.
free_ports() {
  local try first port
  for ((try = 0; try < 50; ++try)); do
    first=$((20000 + RANDOM % 12000))
    for ((port = first; port < first + 3; ++port)); do
      ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || continue 2
    done
    echo $first
    return
  done
  fail "no three free ports"
}

# Eight processors per node, whatever the machine has: they are only numbers here, no task is bound to one.
write_configuration() {
  local dir=$1 port
  port=$(free_ports)
  cat >"$dir/slurm.conf" <<END
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MailProg=/bin/true
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool.%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.%n.pid
SlurmctldLogFile=$dir/log/slurmctld
SlurmdLogFile=$dir/log/slurmd.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/linear
SchedulerType=sched/builtin
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=15
SlurmdParameters=config_overrides
NodeName=n0 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=8 State=UNKNOWN
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=8 State=UNKNOWN
PartitionName=all Nodes=n0,n1 Default=YES MaxTime=INFINITE State=UP
END
}

start() {
  local dir=$1 node i
  check
  [[ ! -e $dir ]] || fail "$dir is there already"
  mkdir -p -m 755 "$dir"
  dir=$(cd "$dir" && pwd)
  mkdir "$dir"/{log,state,spool.n0,spool.n1} && mkdir -m 755 "$dir/munge"
  ((${#dir} + 13 <= socket_path_max)) || fail "$dir is too long a name for a socket"
  (umask 077 && head -c 128 /dev/urandom >"$dir/munge/key")
  write_configuration "$dir"
  export SLURM_CONF=$dir/slurm.conf
  munged --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/pid" \
    --log-file="$dir/log/munged" --seed-file="$dir/munge/seed" 2>"$dir/log/munged.start" ||
    fail "munged did not start: $(<"$dir/log/munged.start")"
  slurmctld -c
  for node in n0 n1; do
    slurmd -N $node
  done
  for ((i = 0; i < patience_s * 10; ++i)); do
    [[ $(sinfo --noheader --Node --format=%T 2>/dev/null | grep -cx idle) != 2 ]] || return 0
    sleep 0.1
  done
  tail -n 20 "$dir"/log/* >&2
  fail "the nodes did not come up within $patience_s s"
}

# The daemons of this Slurm, and what they started: known by their environment, so that no other Slurm is touched.
processes() {
  local dir=$1 process
  for process in /proc/[0-9]*; do
    { tr '\0' '\n' <"$process/environ"; } 2>/dev/null | grep -qxF "SLURM_CONF=$dir/slurm.conf" || continue
    case $(cat "$process/comm" 2>/dev/null) in
      munged | slurm*) echo "${process#/proc/}" ;;
      *) ! { tr '\0' '\n' <"$process/environ"; } 2>/dev/null | grep -q '^SLURM_TASK_PID=' || echo "${process#/proc/}" ;;
    esac
  done
}

stop() {
  local dir=$1 i signal
  [[ -e $dir/slurm.conf ]] || fail "$dir holds no Slurm"
  dir=$(cd "$dir" && pwd)
  export SLURM_CONF=$dir/slurm.conf
  squeue --noheader --format=%i 2>/dev/null | xargs --no-run-if-empty scancel 2>/dev/null || true
  for ((i = 0; i < patience_s * 10; ++i)); do
    [[ -n $(squeue --noheader 2>/dev/null) ]] || break
    sleep 0.1
  done
  for signal in TERM KILL; do
    for ((i = 0; i < 100; ++i)); do
      local left
      left=$(processes "$dir")
      [[ -n $left ]] || break 2
      # shellcheck disable=SC2086
      ((i > 0)) || kill -$signal $left 2>/dev/null || true
      sleep 0.1
    done
  done
  rm -rf "$dir"
}

case ${1:-} in
  check) check ;;
  start) start "${2:?which DIR?}" ;;
  stop) stop "${2:?which DIR?}" ;;
  *) fail "unknown verb '${1:-}': see the beginning of $0" ;;
esac
