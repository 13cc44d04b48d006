#!/usr/bin/env bash
# Sets up and builds everything into build/, quickly when nothing changed. Usage: tools/build.sh [cmake options...]
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
jobs=$(nproc)
# A file that sees LibTorch takes 1.5 GB to compile.
memory_gb=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo)
[ "$memory_gb" -lt "$jobs" ] && jobs=$((memory_gb > 0 ? memory_gb : 1))
if [ ! -f build/build.ninja ] || [ $# -gt 0 ]; then
  printf 'build: configuring\n' >&2
  cmake -S . -B build -G Ninja "$@" >build-configure.log 2>&1 || { tail -20 build-configure.log >&2; exit 1; }
  grep -h 'no nvcc' build-configure.log >&2 || true
  rm -f build-configure.log
fi
printf 'build: compiling with %s jobs\n' "$jobs" >&2
cmake --build build -j "$jobs"
