"""The whole test suite under AddressSanitizer with UBSan, and under ThreadSanitizer: presets asan and tsan.

LibTorch, FFmpeg and libgomp are not instrumented. Each suppression in tsan.supp and lsan.supp names one of them, none names code of
ours. Their OpenMP gets one thread, for its barriers are no synchronisation that ThreadSanitizer knows.
"""
import os
import subprocess
import xml.etree.ElementTree
from pathlib import Path

from report import Clock, Row

HERE = Path(__file__).resolve().parent
NAMES = {"asan": "suite under ASan and UBSan", "tsan": "suite under TSan"}


def environment():
    return dict(
        os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1",
        ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1",
        LSAN_OPTIONS=f"suppressions={HERE / 'lsan.supp'}:print_suppressions=0",
        UBSAN_OPTIONS="print_stacktrace=1",
        TSAN_OPTIONS=f"suppressions={HERE / 'tsan.supp'}:second_deadlock_stack=1:halt_on_error=0:exitcode=66")


def build(preset, source, jobs):
    for words in (["cmake", "--preset", preset], ["cmake", "--build", f"build-{preset}", "-j", str(jobs)]):
        done = subprocess.run(words, cwd=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)} failed:\n{done.stdout[-3000:]}")


def suite(preset, source, out, jobs=None, tests=None):
    """Builds the preset and runs its tests; `tests`: a pattern for ctest -R."""
    jobs = jobs or os.cpu_count()
    row = Row(NAMES[preset])
    with Clock(row):
        build(preset, source, jobs)
        out.mkdir(parents=True, exist_ok=True)
        results = out / f"{preset}.xml"
        results.unlink(missing_ok=True)
        # Addresses at random in the whole range leave ThreadSanitizer of GCC 12 no room for its shadow.
        words = ["setarch", "-R", "ctest", "--test-dir", f"build-{preset}", "-j", str(jobs), "--timeout", "900", "--output-on-failure",
                 "--output-junit", results] + (["-R", tests] if tests else [])
        with (out / f"{preset}.log").open("w") as log:
            subprocess.run(words, cwd=source, env=environment(), stdout=log, stderr=subprocess.STDOUT)
        read(results, row)
        row.notes.append(f"output in {out / (preset + '.log')}")
    return row


def read(results, row):
    """Counts the tests of a JUnit file."""
    skipped = 0
    for case in xml.etree.ElementTree.parse(results).getroot().iter("testcase"):
        status = case.get("status")
        if status in ("notrun", "disabled"):
            skipped += 1
            continue
        row.tried += 1
        if status == "fail":
            failure = case.find("failure")
            why = failure.get("message", "") if failure is not None else ""
            output = case.findtext("system-out") or ""
            row.found("hung" if "Timeout" in why else "crashed", f"{case.get('name')}: {reason(output) or why or 'failed'}")
    if skipped:
        row.notes.append(f"{skipped} tests skipped, which want a GPU or golden files")


def reason(output):
    lines = [line.strip() for line in output.splitlines() if "SUMMARY: " in line or "runtime error" in line]
    return "; ".join(dict.fromkeys(lines[:3]))
