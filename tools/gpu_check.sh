#!/usr/bin/env bash
# Everything that a GPU must show, in one call of under 8 minutes: GPU tests, as this GPU and as an older one;
# compute-sanitizer; the PyTorch peer; our own benchmarks; the table of work, peer, goal and result comes last. Exit code 1
# when a test or the sanitizer fails.
#
#   tools/gpu_check.sh [PROGRAMS] [RESULTS]
#
# PROGRAMS  the build folder (default: build), or a folder with bin/ and env.sh that was packed for a machine without ours.
# RESULTS   where logs and numbers go (default: run/gpu_check).
# STAGES    environment: which of "tests sanitize peers ours table" to run (default: all).
# The peer wants a python3 with PyTorch, NumPy and Triton. TRECVIT_GOLDEN may name the folder of golden files.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
programs=${1:-build}
results=${2:-run/gpu_check}
stages=" ${STAGES:-tests sanitize peers ours table} "
mkdir -p "$results"
bin=$programs
if [ -f "$programs/env.sh" ]; then
  # shellcheck source=/dev/null
  . "$programs/env.sh"
  bin=$programs/bin
fi
failed=0
started=$SECONDS
say() { printf '[%3d s] %s\n' "$((SECONDS - started))" "$*"; }
wanted() { [[ $stages == *" $1 "* ]]; }

# check NAME SECONDS COMMAND...: one line about it; all of its output goes to RESULTS/NAME.log.
check() {
  local name=$1 limit=$2 begun=$SECONDS
  shift 2
  if timeout "$limit" "$@" >"$results/$name.log" 2>&1; then
    say "passed  $name ($((SECONDS - begun)) s)"
  else
    say "FAILED  $name (exit code $?, $((SECONDS - begun)) s)"
    tail -15 "$results/$name.log"
    return 1
  fi
}

say "$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader), $("$bin/trecvit" --version)"

# torch.compile takes a minute for all of the peer's works: they compile side by side while nothing is timed, and are found
# in its cache later.
peer() { timeout "$1" python3 -W ignore "$here/peers/trecvit_torch.py" "${@:2}"; }
compiling=()
if wanted peers; then
  for work in train clip8 clip1 stream1 stream8 stream64; do
    TORCHINDUCTOR_COMPILE_THREADS=2 peer 120 --works $work --modes compile --repeats 1 >/dev/null 2>&1 &
    compiling+=($!)
  done
fi

if wanted tests; then
  for test in "$bin"/test_*; do
    [ -x "$test" ] && "$test" --gtest_list_tests --gtest_filter='*Gpu*' | grep -q '^  ' || continue
    check "$(basename "$test")" 90 "$test" --gtest_filter='*Gpu*' --gtest_brief=1 || failed=1
    TRECVIT_ARCHITECTURE=75 check "$(basename "$test")_as_75" 90 "$test" --gtest_filter='*Gpu*' --gtest_brief=1 || failed=1
  done
  for golden in "${TRECVIT_GOLDEN:-}"/*.npz; do
    [ -f "$golden" ] || continue
    for precision in fp32 bf16; do
      check "golden_$(basename "$golden" .npz)_$precision" 60 \
        "$bin/trecvit" doctor --golden "$golden" --device cuda:0 --precision $precision || failed=1
    done
  done
fi

# All four tools side by side: nothing is timed here.
if wanted sanitize; then
  waiting=()
  for tool in memcheck racecheck initcheck synccheck; do
    check "sanitize_$tool" 150 compute-sanitizer --tool "$tool" --error-exitcode 9 "$bin/test_kernels" \
      --gtest_filter="${SANITIZE:-*Gpu*}" --gtest_brief=1 &
    waiting+=($!)
  done
  for job in "${waiting[@]}"; do wait "$job" || failed=1; done
fi

if wanted peers; then
  for job in "${compiling[@]}"; do wait "$job"; done
  say "peers compiled"
  peer 200 --budget 150 >"$results/peers.jsonl" 2>"$results/peers.log" || { cat "$results/peers.log"; failed=1; }
  if [ -f "$here/peers/attention.py" ]; then
    timeout 60 python3 -W ignore "$here/peers/attention.py" >"$results/peer_attention.log" 2>&1 || failed=1
  fi
  say "peers done"
fi

if wanted ours; then
  bench() {
    local name=$1 begun=$SECONDS
    shift
    timeout 120 "$bin/trecvit" bench "$@" --device cuda:0 --precision bf16 --format json >"$results/$name.json" \
      2>"$results/$name.log" || { say "FAILED  bench $*"; cat "$results/$name.log"; failed=1; }
    say "bench $* ($((SECONDS - begun)) s)"
  }
  bench clip model --works clip --batch 8,1 --frames 32
  bench train model --works train --batch 8 --frames 16
  bench stream stream --streams 1,8 --frames "${STREAM_FRAMES:-4000}"
  bench streams stream --streams 64 --frames 300
  for kernels in kernels attention; do
    [ -x "$bin/bench_${kernels}_gpu" ] || continue
    check "bench_$kernels" 120 "$bin/bench_${kernels}_gpu" --all || failed=1
  done
fi

if wanted table; then
  python3 "$here/gpu_table.py" "$results" || failed=1
fi
exit "$failed"
