#!/usr/bin/env bash
# Sets up and builds everything into build/, quickly when nothing changed. Usage: tools/build.sh [cmake options...]
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
jobs=$(nproc)
# A file that sees LibTorch takes 1.5 GB to compile.
memory_gb=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo)
[ "$memory_gb" -lt "$jobs" ] && jobs=$((memory_gb > 0 ? memory_gb : 1))
# CMake keeps what it found out about a compiler, even when the compiler has gone.
forget=()
if ! cmp -s .deps/toolchain build/toolchain; then
  forget=(-U 'CMAKE_CUDA_*' -U 'CUDA*')
  rm -rf build/CMakeFiles/*/CMakeCUDACompiler.cmake build/CMakeFiles/*/CompilerIdCUDA
fi
if [ ! -f build/build.ninja ] || [ $# -gt 0 ] || [ ${#forget[@]} -gt 0 ]; then
  printf 'build: configuring\n' >&2
  cmake -S . -B build -G Ninja "${forget[@]}" "$@" >build-configure.log 2>&1 || { tail -20 build-configure.log >&2; exit 1; }
  rm -f build-configure.log
  cp .deps/toolchain build/toolchain
fi
printf 'build: compiling with %s jobs\n' "$jobs" >&2
cmake --build build -j "$jobs"
