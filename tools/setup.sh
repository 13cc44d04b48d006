#!/usr/bin/env bash
# Installs everything trecvit needs to build, on Debian 12 or Ubuntu 24.04. Idempotent; quick when nothing is missing.
#
#   tools/setup.sh [--cpu | --cuda]
#
#   system packages   through apt (as root or with sudo; without either, says what to install)
#   LibTorch 2.11.0   the one inside PyPI's torch wheel, into .deps/torch (ignored by git). The first run takes its CUDA
#                     libraries along when an nvcc of CUDA 13 is there, else the CPU part alone. Later runs keep what is
#                     installed, whatever PATH holds then, until --cpu or --cuda asks for the other. An existing LibTorch
#                     is used when Torch_DIR or CMAKE_PREFIX_PATH names it.
#   NumPy, safetensors  for the tests alone, into .deps/python
#
# Writes .deps/toolchain, which LibTorch and nvcc are used; tools/build.sh configures anew when it changes.
set -euo pipefail
cd "$(dirname "$0")/.."

torch_version=2.11.0
torch_cuda=13  # of the wheel's CUDA libraries
packages=(
  g++ cmake ninja-build ccache pkg-config git
  libavformat-dev libavcodec-dev libavutil-dev libswscale-dev ffmpeg
  libopencv-core-dev libopencv-imgproc-dev
  libyaml-cpp-dev libgtest-dev libgmock-dev libbenchmark-dev libcli11-dev libspdlog-dev libfmt-dev
  nlohmann-json3-dev libzip-dev zlib1g-dev python3 python3-pip
)

say() { printf 'setup: %s\n' "$*" >&2; }

wanted=
case ${1:-} in
  '') ;;
  --cpu | --cuda) wanted=${1#--} ;;
  *)
    say "'$1' is no option; --cpu or --cuda chooses the LibTorch, none keeps the one that is installed"
    exit 2
    ;;
esac

statuses=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null || true)
missing=()
for package in "${packages[@]}"; do
  [[ $'\n'$statuses$'\n' == *$'\n'"$package installed"$'\n'* ]] || missing+=("$package")
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

# put_in_place FOLDER STAMP WHAT PIP_ARGUMENTS...: installs aside, and only when all of it is there takes the old one away. A
# kill between the two renames leaves FOLDER.old, which the next run puts back.
put_in_place() {
  local folder=$1 stamp=$2 what=$3
  shift 3
  mkdir -p "$(dirname "$folder")"
  if ! python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
    --target "$folder.part" "$@" >&2; then
    rm -rf "$folder.part"
    say "pip could not install $what; its reason is above, and what was in place stays"
    exit 1
  fi
  printf '%s\n' "$stamp" >"$folder.part/.installed"
  if [ -e "$folder" ]; then mv "$folder" "$folder.old"; fi
  mv "$folder.part" "$folder"
  rm -rf "$folder.old"
}
for folder in .deps/torch .deps/python; do
  rm -rf "$folder.part"
  if [ -e "$folder.old" ]; then
    if [ -e "$folder" ]; then rm -rf "$folder.old"; else mv "$folder.old" "$folder"; fi
  fi
done

# For the tests that read our files with NumPy and the official safetensors package.
if [ ! -e .deps/python/.installed ]; then
  say "installing NumPy and safetensors from PyPI into .deps/python"
  put_in_place .deps/python "numpy safetensors" "NumPy and safetensors" numpy safetensors
fi

# Where the build looks for LibTorch; cmake/TorchRoot.cmake follows the same order.
own=
if [ -n "${Torch_DIR:-}" ]; then
  own=$(cd "$Torch_DIR/../../.." 2>/dev/null && pwd || true)
fi
prefixes=${CMAKE_PREFIX_PATH:-}
for prefix in ${prefixes//[:;]/ }; do
  for root in "$prefix" "$prefix/torch"; do
    [ -z "$own" ] && [ -e "$root/lib/libtorch_cpu.so" ] && own=$root
  done
done
if [ -n "$own" ] && [ ! -e "$own/lib/libtorch_cpu.so" ]; then own=; fi
if [ -n "$own" ]; then
  # The CUDA that it was made with, 12 or 13; a wheel says so in version.py, an archive of LibTorch in build-version.
  torch_cuda=$(sed -nE "s/^cuda.*'([0-9]+)\..*/\1/p" "$own/version.py" 2>/dev/null || true)
  [ -n "$torch_cuda" ] || torch_cuda=$(sed -nE 's/.*\+cu([0-9]+)[0-9]$/\1/p' "$own/build-version" 2>/dev/null || true)
fi

# The first nvcc of that CUDA, in the order of cmake/Nvcc.cmake.
nvcc=
refused=()
for candidate in "$(command -v "${CUDACXX:-}" || true)" "$(command -v nvcc || true)" "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc"; do
  [ -n "$candidate" ] && [ -x "$candidate" ] && [ -z "$nvcc" ] || continue
  release=$("$candidate" --version 2>/dev/null | sed -nE 's/.*release ([0-9]+\.[0-9]+).*/\1/p' || true)
  if [ -z "$torch_cuda" ] || [ "${release%%.*}" = "$torch_cuda" ]; then
    nvcc="nvcc $release ($candidate)"
  else
    refused+=("nvcc ${release:-of an unknown version} ($candidate)")
  fi
done
for other in "${refused[@]}"; do
  [ -n "$nvcc" ] || say "$other is not used: this LibTorch is made with CUDA $torch_cuda, and its nvcc must be of CUDA $torch_cuda too"
done

# finish LIBTORCH: leaves for tools/build.sh what is used.
finish() {
  printf '%s\n' "$1" "${nvcc:-no nvcc}" >.deps/toolchain.part
  mv .deps/toolchain.part .deps/toolchain
}

if [ -n "$own" ]; then
  say "using the LibTorch in $own and ${nvcc:-no nvcc}"
  [ -z "$wanted" ] || say "--$wanted has no effect on a LibTorch of your own"
  finish "$own"
  exit 0
fi

installed=$(cat .deps/torch/.installed 2>/dev/null || true)
flavour=${wanted:-${installed##* }}
[ -n "$flavour" ] || { [ -n "$nvcc" ] && flavour=cuda || flavour=cpu; }
if [ "$wanted" = cuda ] && [ -z "$nvcc" ]; then
  say "--cuda wants an nvcc of CUDA $torch_cuda, and none is in CUDACXX, PATH or ${CUDA_HOME:-/usr/local/cuda}/bin"
  exit 1
fi
want="torch $torch_version $flavour"
if [ "$installed" = "$want" ]; then
  say "LibTorch $torch_version ($flavour) is in place"
else
  say "installing LibTorch $torch_version ($flavour) from PyPI into .deps/torch; this takes a minute or two"
  packages=("torch==$torch_version")
  [ "$flavour" = cuda ] || packages=(--no-deps "${packages[@]}" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
  put_in_place .deps/torch "$want" "LibTorch" "${packages[@]}"
fi
if [ -z "$nvcc" ]; then
  say "no nvcc of CUDA $torch_cuda found: everything but the CUDA kernels is built; with the CUDA Toolkit $torch_cuda, run tools/setup.sh --cuda"
elif [ "$flavour" = cpu ]; then
  say "$nvcc is there, but LibTorch without CUDA is installed; tools/setup.sh --cuda installs the other"
else
  say "using $nvcc"
fi
finish "$want"
