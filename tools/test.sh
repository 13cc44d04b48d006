#!/usr/bin/env bash
# Sets up, builds and runs every test. Usage: tools/test.sh [ctest options...]
set -euo pipefail
cd "$(dirname "$0")/.."
tools/build.sh
ctest --test-dir build --output-on-failure -j "$(nproc)" "$@"
