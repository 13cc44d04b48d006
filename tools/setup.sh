#!/usr/bin/env bash
# Installs everything trecvit needs to build, on Debian 12 or Ubuntu 24.04. Idempotent; quick when nothing is missing.
#
#   system packages   through apt (as root or with sudo; without either, says what to install)
#   LibTorch 2.11.0   the one inside PyPI's torch wheel, into .deps/torch (ignored by git): with its CUDA libraries when
#                     nvcc is there, else the CPU part alone. An existing one is used when Torch_DIR or
#                     CMAKE_PREFIX_PATH names it.
#   NumPy, safetensors  for the tests alone, into .deps/python
set -euo pipefail
cd "$(dirname "$0")/.."

torch_version=2.11.0
packages=(
  g++ cmake ninja-build ccache pkg-config git
  libavformat-dev libavcodec-dev libavutil-dev libswscale-dev ffmpeg
  libopencv-core-dev libopencv-imgproc-dev
  libyaml-cpp-dev libgtest-dev libgmock-dev libbenchmark-dev libcli11-dev libspdlog-dev libfmt-dev
  nlohmann-json3-dev libzip-dev zlib1g-dev python3 python3-pip
)

say() { printf 'setup: %s\n' "$*" >&2; }

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
# A tool that is on PATH without its Debian package (a newer CMake, a Python of one's own) serves as well.
kept=()
for package in "${missing[@]}"; do
  case $package in
    g++ | cmake | git) command -v "$package" >/dev/null && continue ;;
    ninja-build) command -v ninja >/dev/null && continue ;;
    python3-pip) python3 -m pip --version >/dev/null 2>&1 && continue ;;
  esac
  kept+=("$package")
done
missing=("${kept[@]}")

if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; then
      as_root=(sudo)
    else
      say "these packages are missing and this user may not install them; ask an administrator to run:"
      say "  apt-get install ${missing[*]}"
      exit 1
    fi
  fi
  say "installing ${#missing[@]} packages: ${missing[*]}"
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    say "apt-get failed; the last lines are above, all of them in $log"
    exit 1
  fi
  rm -f "$log"
fi

# For the tests that read our files with NumPy and the official safetensors package.
if [ ! -e .deps/python/.installed ]; then
  say "installing NumPy and safetensors from PyPI into .deps/python"
  rm -rf .deps/python .deps/python.part
  python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
    --target .deps/python.part numpy safetensors
  touch .deps/python.part/.installed
  mv .deps/python.part .deps/python
fi

nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null || true)
if [ -n "$nvcc" ]; then
  flavour=cuda
else
  flavour=cpu
  say "no nvcc found: everything but the CUDA kernels will be built; to have them, install the CUDA Toolkit 13 and run this again"
fi

# Where the build looks for LibTorch; cmake/Torch.cmake follows the same order.
existing=
if [ -n "${Torch_DIR:-}" ]; then
  existing=$(cd "$Torch_DIR/../../.." 2>/dev/null && pwd || true)
fi
prefixes=${CMAKE_PREFIX_PATH:-}
for prefix in ${prefixes//[:;]/ }; do
  for root in "$prefix" "$prefix/torch"; do
    [ -z "$existing" ] && [ -e "$root/lib/libtorch_cpu.so" ] && existing=$root
  done
done
if [ -n "$existing" ] && [ -e "$existing/lib/libtorch_cpu.so" ]; then
  say "using the LibTorch in $existing"
  exit 0
fi

stamp=.deps/torch/.installed
want="torch $torch_version $flavour"
if [ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ]; then
  say "LibTorch $torch_version ($flavour) is in place"
  exit 0
fi
say "installing LibTorch $torch_version ($flavour) from PyPI into .deps/torch; this takes a minute or two"
mkdir -p .deps
rm -rf .deps/torch .deps/torch.part
pip=(python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore
  --target .deps/torch.part)
if [ "$flavour" = cuda ]; then
  "${pip[@]}" "torch==$torch_version"
else
  "${pip[@]}" --no-deps "torch==$torch_version" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85
fi
mv .deps/torch.part .deps/torch
printf '%s\n' "$want" >"$stamp"
say "done"
