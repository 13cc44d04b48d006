#!/usr/bin/env bash
# Checks the form of the sources: clang-format, then clang-tidy. Exit code 1 when either has something to say.
#   tools/lint.sh          files that differ from main, and uncommitted ones
#   tools/lint.sh --all    every file
#   tools/lint.sh --fix    formats instead of complaining
set -euo pipefail
cd "$(dirname "$0")/.."

all=0 fix=0
for word in "$@"; do
  case $word in
    --all) all=1 ;;
    --fix) fix=1 ;;
    *) sed -n '2,5p' "$0" >&2; exit 2 ;;
  esac
done
for program in clang-format clang-tidy; do
  command -v $program >/dev/null || { echo "lint: $program is missing; install the package $program" >&2; exit 1; }
done

pattern='\.(h|cpp|cu|cuh)$'
if [ $all = 1 ]; then
  mapfile -t files < <(git ls-files | grep -E "$pattern")
else
  base=$(git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD)
  mapfile -t files < <({ git diff --name-only --diff-filter=d "$base"; git ls-files --others --exclude-standard; } | grep -E "$pattern" | sort -u)
fi
[ ${#files[@]} -gt 0 ] || { echo "lint: nothing to check" >&2; exit 0; }

failed=0
if [ $fix = 1 ]; then
  clang-format -i "${files[@]}"
else
  clang-format --dry-run --Werror "${files[@]}" || failed=1
fi
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep '\.cpp$' || true)
if [ ${#sources[@]} -gt 0 ]; then
  [ -f build/compile_commands.json ] || { echo "lint: clang-tidy needs build/compile_commands.json; run tools/build.sh" >&2; exit 1; }
  clang-tidy -p build --quiet --warnings-as-errors='*' "${sources[@]}" || failed=1
fi
exit $failed
