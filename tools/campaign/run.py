#!/usr/bin/env python3
"""Runs what is too slow for every test run, and prints one table: part, tried, crashed, hung, lost, seconds.

  tools/campaign/run.py                                          everything: hours
  tools/campaign/run.py --parts kills,mutations --kills 20 --mutations 2000

  kills      training that is killed at many points goes on bit for bit as if nothing had happened
  mutations  broken videos, arrays, configurations, data sets, checkpoints and streams end in one sentence, in time
  asan       the test suite under AddressSanitizer and UBSan, built into build-asan
  tsan       the test suite under ThreadSanitizer, built into build-tsan

Everything comes from a build that is up to date (tools/build.sh). Exit code 1 when anything crashed, hung or was lost. The table,
and for each finding what shows it again, go to --out.
"""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import kills
import mutations
import report
import sanitizers

SOURCE = Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="asan,tsan,kills,mutations", help="comma-separated (default: %(default)s)")
    parser.add_argument("--build", type=Path, default=SOURCE / "build", help="folder of the programs (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=SOURCE / "run/campaign", help="folder of the results (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=200, help="points at which training is killed (default: %(default)s)")
    parser.add_argument("--mutations", type=int, default=100000, help="mutated inputs, of all kinds together (default: %(default)s)")
    parser.add_argument("--targets", help=f"comma-separated kinds of inputs, of {', '.join(mutations.SHARES)} (default: all)")
    parser.add_argument("--tests", help="pattern of the tests that asan and tsan run, as ctest -R takes it (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other points and inputs (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=None, help="processes at a time (default: one per core)")
    given = parser.parse_args()
    out, build = given.out.resolve(), given.build.resolve()
    targets = given.targets.split(",") if given.targets else None
    for target in targets or ():
        if target not in mutations.SHARES:
            parser.error(f"'{target}' is no kind of input; {', '.join(mutations.SHARES)} are")

    parts = {
        "asan": lambda: [sanitizers.suite("asan", SOURCE, out, given.jobs, given.tests)],
        "tsan": lambda: [sanitizers.suite("tsan", SOURCE, out, given.jobs, given.tests)],
        "kills": lambda: [kills.Campaign(build, out / "kills", given.seed, given.jobs)(given.kills)],
        "mutations": lambda: mutations.Mutations(build, SOURCE / "build-asan", out / "mutations", given.seed,
                                                 given.jobs)(given.mutations, targets),
    }
    chosen = given.parts.split(",")
    for part in chosen:
        if part not in parts:
            parser.error(f"'{part}' is no part; {', '.join(parts)} are")
    rows = []
    for part in chosen:
        rows += parts[part]()
        report.save(rows, SOURCE, out)
    print(report.table(rows, SOURCE), end="")
    return 0 if all(row.clean for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
