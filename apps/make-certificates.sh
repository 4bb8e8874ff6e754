#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Makes what the hosts of a cluster prove themselves to each other with: an authority, and from it one certificate and
# key for each host. Whoever holds such a key can take part in updates; the network alone is then not enough.
#
#   apps/make-certificates.sh [--days N] [--force] DIRECTORY [HOST[,ALIAS...]...]
#
# HOST and ALIAS are names or addresses. DIRECTORY/HOST/ gets ca.pem, cert.pem and key.pem: give each host its own such
# folder and nothing else. Without a HOST one certificate is made for all of them, in DIRECTORY/ckpt-actor/.
# DIRECTORY/authority/ stays where it is: its ca.key makes further certificates. An authority that is there already is
# used again, so that hosts can be added later. Nothing is overwritten without --force, which makes all of it anew.
# --days (365) is how long the hosts' certificates are valid.
set -euo pipefail

readonly authority_days_min=3650
days=365
force=

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
    --force) force=yes ;;
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
((${#hosts[@]} > 0)) || hosts=(ckpt-actor)
readonly authority=$directory/authority

# Everything is checked before anything is written. A name becomes a folder and stands in the certificate's text.
for host in "${hosts[@]}"; do
  IFS=, read -ra names <<<"$host"
  for name in "${names[@]:-}"; do
    [[ $name =~ ^[A-Za-z0-9]([A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?$ || $name =~ ^[0-9A-Fa-f:]*:[0-9A-Fa-f:]*$ ]] ||
      fail "'$host' is no host name or address"
  done
  [[ ${names[0]} != authority ]] || fail "a host cannot be called authority: that is the folder of the authority's key"
  [[ -n $force || ! -e $directory/${names[0]} ]] ||
    fail "$directory/${names[0]} is there already; --force makes it anew, together with the authority"
done

umask 077
trap 'rm -f "$authority/request.pem"' EXIT

if [[ -z $force && -s $authority/ca.key && -s $authority/ca.pem ]]; then
  openssl x509 -in "$authority/ca.pem" -noout -checkend $((days * 86400)) >/dev/null ||
    fail "the authority in $authority ends within $days days; --force makes a new one, for all hosts"
else
  mkdir -p "$authority"
  [[ -n $force || -z $(ls -A "$authority") ]] || fail "$authority is not empty, but holds no authority; see to it, or give --force"
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$authority/ca.key" 2>/dev/null
  openssl req -x509 -new -key "$authority/ca.key" -sha256 -out "$authority/ca.pem" \
    -days $((days > authority_days_min ? days : authority_days_min)) -subj "/CN=ckpt-actor authority" \
    -addext "basicConstraints=critical,CA:true,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign"
  chmod 644 "$authority/ca.pem"
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
  folder=$directory/${names[0]}
  mkdir -p "$folder"
  rm -f "$folder/key.pem" # An old one might be open to others, and would stay so.
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$folder/key.pem" 2>/dev/null
  # The common name holds 64 characters at most; it is for people, the alternative names are what counts.
  openssl req -new -key "$folder/key.pem" -subj "/CN=${names[0]:0:64}" -out "$authority/request.pem"
  openssl x509 -req -in "$authority/request.pem" -CA "$authority/ca.pem" -CAkey "$authority/ca.key" -sha256 \
    -set_serial "0x$(openssl rand -hex 16)" -days "$days" -out "$folder/cert.pem" -extfile <(
      echo "basicConstraints=critical,CA:false"
      echo "keyUsage=critical,digitalSignature"
      echo "extendedKeyUsage=serverAuth,clientAuth"
      echo "subjectAltName=$(alternative_names "${names[@]}")"
    ) 2>/dev/null || fail "openssl made no certificate for '$host'"
  cp "$authority/ca.pem" "$folder/ca.pem"
  chmod 644 "$folder/cert.pem" "$folder/ca.pem"
  openssl verify -CAfile "$folder/ca.pem" "$folder/cert.pem" >/dev/null ||
    fail "the new certificate of '$host' does not verify"
  echo "$folder: valid until $(openssl x509 -in "$folder/cert.pem" -noout -enddate | cut -d= -f2)"
done

cat <<END

Copy each folder to its host, readable for the user who runs ckpt-actor-node only. Keep $authority here.
Then, on every host:

  ckpt-actor-node --tls-ca FOLDER/ca.pem --tls-cert FOLDER/cert.pem --tls-key FOLDER/key.pem ...
END
