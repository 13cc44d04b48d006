#!/usr/bin/env bash
# Everything that a GPU must show, in one call of under 8 minutes: GPU tests, as this GPU and as an older one;
# compute-sanitizer; the PyTorch peer; our own benchmarks; the table of work, peer, goals and result comes last. Exit code 1
# when a test, the sanitizer or a benchmark fails or finds no time.
#
#   tools/gpu/check.sh [PROGRAMS] [RESULTS]
#
# PROGRAMS  the build folder (default: build), or a folder with bin/ and env.sh that was packed for a machine without ours.
# RESULTS   where logs and numbers go (default: run/gpu_check).
# Environment:
#   STAGES          which of "tests sanitize peers ours training latency table" to run (default: all).
#   SECONDS_IN_ALL  what everything may take (default: 470). What would begin later is left out.
#   SANITIZE        the tests that the sanitizer runs (default: those of the kernels, but for racecheck what is said there).
#   TRECVIT_GOLDEN  folder of golden files (default: tests/golden).
#   TRECVIT_DATA    data set of `trecvit dataset synth` for the stage training; none: it is left out.
# The peer wants a python3 with PyTorch, NumPy and Triton.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
programs=${1:-build}
results=${2:-run/gpu_check}
stages=" ${STAGES:-tests sanitize peers ours training latency table} "
budget=${SECONDS_IN_ALL:-470}
export TRECVIT_GOLDEN=${TRECVIT_GOLDEN:-$here/../../tests/golden}
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

# limited SECONDS COMMAND...: COMMAND, for as long as it may take and there is time at all.
limited() {
  local left=$((budget - SECONDS + started)) limit=$1
  shift
  [ "$left" -gt 0 ] || { echo "out of time" >&2; return 124; }
  timeout "$((limit < left ? limit : left))" "$@"
}

# check NAME SECONDS COMMAND...: one line about it; all of its output goes to RESULTS/NAME.log.
check() {
  local name=$1 limit=$2 begun=$SECONDS code=0
  shift 2
  limited "$limit" "$@" >"$results/$name.log" 2>&1 || code=$?
  if [ "$code" -eq 0 ]; then
    say "passed  $name ($((SECONDS - begun)) s)"
  else
    say "FAILED  $name (exit code $code, $((SECONDS - begun)) s)"
    tail -15 "$results/$name.log"
    return 1
  fi
}

say "$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader), $("$bin/trecvit" --version)"

# Stages that are not timed run side by side. torch.compile takes a minute for all of the peer's works, which are found in its cache
# later.
peer() { limited "$1" python3 -W ignore "$here/../baselines/trecvit_torch.py" "${@:2}"; }
compiling=() checking=()
if wanted peers; then
  for work in train clip8 clip1 stream1 stream8 stream64; do
    TORCHINDUCTOR_COMPILE_THREADS=2 peer 120 --cases $work --modes compile --repeats 1 >/dev/null 2>&1 &
    compiling+=($!)
  done
fi

# in_parts NAME SECONDS COMMAND...: a test program in four parts.
in_parts() {
  local part
  for part in 0 1 2 3; do
    GTEST_TOTAL_SHARDS=4 GTEST_SHARD_INDEX=$part check "$1_$part" "${@:2}" &
    checking+=($!)
  done
}
# To racecheck cuBLASLt's own kernels are full of races, and the largest tests take minutes, those of GpuLaunch to every tool.
if wanted sanitize; then
  for tool in memcheck racecheck initcheck synccheck; do
    chosen='*Gpu*-GpuLaunch.*'
    [ $tool = racecheck ] && chosen='*Gpu*-GpuLaunch.*:GpuMatmul.MatchesTheReference*:*LargeFrames*'
    in_parts "sanitize_$tool" 200 compute-sanitizer --tool "$tool" --error-exitcode 9 "$bin/test_kernels" \
      --gtest_filter="${SANITIZE:-$chosen}"
  done
fi

# One after the other: 1 when anything fails.
other_tests() {
  local test golden precision failed=0
  for test in "$bin"/test_*; do
    if [ "$test" != "$bin/test_kernels" ] && "$test" --gtest_list_tests --gtest_filter='*Gpu*' 2>/dev/null | grep -q '^  '; then
      check "$(basename "$test")" 100 "$test" --gtest_filter='*Gpu*' || failed=1
      TRECVIT_ARCHITECTURE=75 check "$(basename "$test")_as_75" 100 "$test" --gtest_filter='*Gpu*' || failed=1
    fi
  done
  for golden in "$TRECVIT_GOLDEN"/tiny_*.npz; do
    [ -f "$golden" ] || continue
    for precision in fp32 bf16; do
      check "golden_$(basename "$golden" .npz)_$precision" 60 \
        "$bin/trecvit" doctor --golden "$golden" --device cuda:0 --precision $precision || failed=1
    done
  done
  return $failed
}
if wanted tests; then
  in_parts test_kernels 200 "$bin/test_kernels" --gtest_filter='*Gpu*'
  TRECVIT_ARCHITECTURE=75 in_parts test_kernels_as_75 200 "$bin/test_kernels" --gtest_filter='*Gpu*'
  other_tests &
  checking+=($!)
fi
for job in "${checking[@]}"; do wait "$job" || failed=1; done

if wanted peers; then
  for job in "${compiling[@]}"; do wait "$job"; done
  say "peers compiled"
  peer 150 --modes compile,graph --budget 120 >"$results/peers.jsonl" 2>"$results/peers.log" ||
    { cat "$results/peers.log"; failed=1; }
  check peer_attention 40 python3 -W ignore "$here/../baselines/attention.py" || failed=1
  check peer_forgetting_attention 40 python3 -W ignore "$here/../baselines/forgetting_attention.py" || failed=1
  say "peers done"
fi

# bench NAME SECONDS VERB...: RESULTS/NAME.json.
bench() {
  local name=$1 limit=$2 begun=$SECONDS
  shift 2
  if limited "$limit" "$bin/trecvit" bench "$@" --device cuda:0 --precision bf16 --format json >"$results/$name.json" \
    2>"$results/$name.log"; then
    say "bench $* ($((SECONDS - begun)) s)"
  else
    say "FAILED  bench $* ($((SECONDS - begun)) s)"
    cat "$results/$name.log"
    return 1
  fi
}

if wanted ours; then
  bench clip 60 model --cases clip --batch 8,1 --frames 32 || failed=1
  bench train 60 model --cases train --batch 8 --frames 16 || failed=1
  bench stream 60 stream --streams 1,8 --frames "${STREAM_FRAMES:-4000}" || failed=1
  bench streams 60 stream --streams 64 --frames 300 || failed=1
  bench kernels 90 kernels || failed=1
  check bench_forgetting_attention 40 "$bin/bench_forgetting_attention" || failed=1
fi

if wanted training && [ -n "${TRECVIT_DATA:-}" ]; then
  check training 90 python3 "$here/../bench/compare_precision.py" --program "$bin/trecvit" --data "$TRECVIT_DATA" --device cuda:0 \
    --config "$here/../../configs/demo.yaml" --workers "$(nproc)" --json "$results/training.json" || failed=1
  cat "$results/training.log"
fi

# A model of one layer, so that a million frames take little more than a minute.
if wanted latency; then
  bench million 150 stream -c "$here/../../configs/demo.yaml" --set model.depth=1 --set model.heads=2 \
    --frames "${MILLION:-1000000}" || failed=1
fi

if wanted table; then
  python3 "$here/table.py" "$results" || failed=1
fi
say "done"
exit "$failed"
