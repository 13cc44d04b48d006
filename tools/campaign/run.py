#!/usr/bin/env python3
"""Runs what is too slow for every test run, and prints one table: part, tried, crashed, hung, lost, seconds.

  tools/campaign/run.py                                   everything: hours
  tools/campaign/run.py --parts kills --kills 20          a part of it, smaller

  kills      training runs that are killed 200 times and go on: bit for bit as if nothing had happened
Exit code 1 when anything crashed, hung or was lost. Results, and what each finding needs to be seen again, go to --out.
"""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import kills
import report

SOURCE = Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="kills", help="comma-separated (default: %(default)s)")
    parser.add_argument("--build", type=Path, default=SOURCE / "build", help="folder of the programs (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=SOURCE / "run/campaign", help="folder of the results (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=200, help="points at which training is killed (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other points and inputs (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=None, help="processes at a time (default: one per core)")
    given = parser.parse_args()
    out, build = given.out.resolve(), given.build.resolve()

    parts = {"kills": lambda: [kills.Campaign(build, out / "kills", given.seed, given.jobs)(given.kills)]}
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
