#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Makes the certificates by which the hosts of a cluster authenticate each other: an authority, and from it one
# certificate and key for each host. Only a host with such a key can take part in updates. A resident node shows the same
# one to those who call it from other hosts: they have to use one of its names.
#
#   apps/make-certificates.sh [--days N] DIRECTORY [HOST[,ALIAS...]...]
#
# HOST and ALIAS are names or addresses. DIRECTORY gets ca.pem, HOST.pem and HOST.key: give each host its own two and
# ca.pem. Without a HOST one certificate is made for all of them to share, called node. DIRECTORY/authority/ stays where
# it is: its ca.key makes further certificates. An authority that is there already is used again, so that hosts can be
# added later. Nothing is ever overwritten. --days (365) is how long the hosts' certificates are valid.
set -euo pipefail

readonly authority_days_min=3650
days=365

fail() {
  echo "$0: $*" >&2
  exit 2
}

usage() {
  sed -n '/^#   apps/,/^set/ s/^# \{0,1\}//p' "$0"
}

positional=()
while (($# > 0)); do
  case $1 in
    --days)
      (($# > 1)) || fail "--days needs a number"
      days=$2
      shift
      ;;
    --days=*) days=${1#--days=} ;;
    -h | --help)
      usage
      exit 0
      ;;
    -*) fail "unknown flag '$1'; see --help" ;;
    *) positional+=("$1") ;;
  esac
  shift
done
((${#positional[@]} > 0)) || fail "which DIRECTORY? See --help"
[[ $days =~ ^[1-9][0-9]{0,4}$ ]] || fail "--days is '$days': expected a number from 1 to 99999"
command -v openssl >/dev/null || fail "the command openssl is missing: install Debian's package openssl"

directory=${positional[0]}
hosts=("${positional[@]:1}")
((${#hosts[@]} > 0)) || hosts=(node)
readonly directory authority=$directory/authority

# Everything is checked before anything is written. A name becomes the name of a file, and is put into the certificate.
declare -A seen=()
for host in "${hosts[@]}"; do
  [[ $host != *, ]] || fail "'$host' ends with a comma"
  IFS=, read -ra names <<<"$host"
  for name in "${names[@]:-}"; do
    [[ $name =~ ^[A-Za-z0-9]([A-Za-z0-9._-]{0,248}[A-Za-z0-9])?$ || $name =~ ^[0-9A-Fa-f:]*:[0-9A-Fa-f:]*$ ]] ||
      fail "'$host' is no host name or address"
  done
  name=${names[0]}
  [[ $name != ca ]] || fail "a host cannot be called ca: ca.pem is the authority's"
  [[ -z ${seen[$name]:-} ]] || fail "$name is given twice"
  seen[$name]=yes
  for file in "$directory/$name.pem" "$directory/$name.key"; do
    [[ ! -e $file ]] || fail "$file is there already; remove it first if it is to be made anew"
  done
done
[[ -e $authority/ca.key || ! -e $directory/ca.pem ]] ||
  fail "$directory/ca.pem is there, but not the key of its authority: give another DIRECTORY"

umask 077
mkdir -p "$authority"
scratch=$(mktemp -d "$authority/new.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

if [[ -e $authority/ca.key ]]; then
  openssl x509 -in "$directory/ca.pem" -noout -checkend $((days * 86400)) >/dev/null ||
    fail "the authority in $authority ends within $days days, or $directory/ca.pem is gone: give another DIRECTORY"
else
  new_key "$scratch/ca.key"
  openssl req -x509 -new -key "$scratch/ca.key" -sha256 -out "$scratch/ca.pem" \
    -days $((days > authority_days_min ? days : authority_days_min)) -subj "/CN=ckpt-actor authority" \
    -addext "basicConstraints=critical,CA:true,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -addext "subjectKeyIdentifier=hash"
  chmod 644 "$scratch/ca.pem"
  mv "$scratch/ca.pem" "$directory/ca.pem"
  mv "$scratch/ca.key" "$authority/ca.key" # Last: what it belongs to is complete then.
fi

# The names as the certificate has them: IP for addresses, DNS for all others.
alternative_names() {
  local name separator=
  for name in "$@"; do
    if [[ $name == *:* || $name =~ ^[0-9]+(\.[0-9]+){3}$ ]]; then
      printf '%sIP:%s' "$separator" "$name"
    else
      printf '%sDNS:%s' "$separator" "$name"
    fi
    separator=,
  done
}

for host in "${hosts[@]}"; do
  IFS=, read -ra names <<<"$host"
  name=${names[0]}
  new_key "$scratch/key"
  # The common name holds 64 characters at most; it is for people, the alternative names are what counts.
  openssl req -new -key "$scratch/key" -subj "/CN=${name:0:64}" -out "$scratch/request"
  openssl x509 -req -in "$scratch/request" -CA "$directory/ca.pem" -CAkey "$authority/ca.key" -sha256 \
    -set_serial "0x$(openssl rand -hex 16)" -days "$days" -out "$scratch/pem" -extfile <(
      echo "basicConstraints=critical,CA:false"
      echo "keyUsage=critical,digitalSignature"
      echo "extendedKeyUsage=serverAuth,clientAuth"
      echo "subjectKeyIdentifier=hash" # Python from 3.13 on wants these two.
      echo "authorityKeyIdentifier=keyid"
      echo "subjectAltName=$(alternative_names "${names[@]}")"
    ) 2>"$scratch/log" || fail "no certificate for '$host': $(<"$scratch/log")"
  openssl verify -CAfile "$directory/ca.pem" "$scratch/pem" >/dev/null || fail "the certificate of '$host' does not verify"
  chmod 644 "$scratch/pem"
  mv "$scratch/key" "$directory/$name.key"
  mv "$scratch/pem" "$directory/$name.pem"
  echo "$name, valid until $(openssl x509 -in "$directory/$name.pem" -noout -enddate | cut -d= -f2):"
  echo "  --tls-ca $directory/ca.pem --tls-cert $directory/$name.pem --tls-key $directory/$name.key"
done

echo "Give every host ca.pem and its own two files, readable for the user of ckpt-actor-node only. Keep $authority here."
