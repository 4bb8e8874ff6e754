#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Packs the built programs with every library that they need into one archive, which runs from any folder, as any user,
# on Linux with a C library that is as new as this machine's. The host's own libraries are not in it: the C library, and
# those that speak to hardware (the CUDA driver, NCCL, libibverbs). CMake's target `bundle` calls this.
#
#   apps/bundle.sh [BUILD FOLDER [ARCHIVE]]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build}
programs=()
for program in ckpt-actor-node ckpt-sink ckpt-bench; do
  [[ ! -x $build/apps/$program ]] || programs+=("$build/apps/$program")
done
((${#programs[@]} > 0)) || {
  echo "$0: $build/apps has no programs: build them first" >&2
  exit 1
}
version=$("${programs[0]}" --version | awk '{ print $NF }')
name=ckpt-actor-$version-linux-$(uname -m)
archive=${2:-$build/$name.tar.gz}

# ld.so is listed without an arrow. Drivers and their libraries have to match the host's kernel and each other.
readonly of_the_host='^(libc|libm|libmvec|libpthread|libdl|librt|libutil|libresolv|libanl|libnss_[a-z]*|libcuda|libnccl|libibverbs|librdmacm|libmlx[0-9]*|libnl-[a-z0-9-]*)\.so'

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
bundle=$stage/$name
mkdir -p "$bundle"/{bin,lib/ucx,licenses}

# Prints "NAME PATH" of the libraries that the files need, directly or not, and that are not the host's.
libraries_of() {
  ldd "$@" | awk '$2 == "=>" { print $1, $3 }' | sort -u | awk -v host="$of_the_host" '$1 !~ host'
}

add_licence_of() { # LIBRARY: Debian keeps it with the package.
  local package
  package=$(dpkg-query -S "*/$(basename "$(realpath "$1")")" 2>/dev/null | sed 's/:.*//;q') || true
  [[ -z $package || ! -e /usr/share/doc/$package/copyright ]] ||
    cp -L "/usr/share/doc/$package/copyright" "$bundle/licenses/$package"
}

add_libraries_of() {
  local library path
  while read -r library path; do
    [[ $path == /* ]] || {
      echo "$0: $library, which one of $* needs, was not found" >&2
      exit 1
    }
    [[ ! -e $bundle/lib/$library ]] || continue
    cp -L "$path" "$bundle/lib/$library"
    add_licence_of "$path"
  done < <(libraries_of "$@")
}

cp "${programs[@]}" "$bundle/bin/"
strip --strip-debug "$bundle"/bin/*
add_libraries_of "${programs[@]}"
# UCX looks for its transports next to its library.
ucs=$(ldd "${programs[0]}" | awk '$1 ~ /^libucs/ { print $3 }')
for module in "$(dirname "$(realpath "$ucs")")"/ucx/libuct_*.so.0; do
  [[ -e $module ]] || continue
  cp -L "$module" "$bundle/lib/ucx/"
  add_libraries_of "$module"
done
cp LICENSE README.md "$bundle/"

# Nothing may come from where this machine keeps its libraries.
strayed=$(libraries_of "$bundle"/bin/* | awk -v here="$bundle/bin/../lib/" 'index($2, here) != 1') || true
if [[ -n $strayed ]]; then
  printf '%s: not in the bundle, or not found there:\n%s\n' "$0" "$strayed" >&2
  exit 1
fi
[[ ! -x $bundle/bin/ckpt-bench ]] || cp "$build"/apps/*.py "$bundle/bin/" # Its comparisons.

mkdir -p "$(dirname "$archive")"
tar --sort=name --owner=0 --group=0 --numeric-owner -C "$stage" -czf "$archive.new" "$name"
mv "$archive.new" "$archive"
echo "$archive: $(du -h "$archive" | cut -f1), $(find "$bundle/lib" -name '*.so*' | wc -l) libraries"
