#!/usr/bin/env python3
"""How much a stream suffers from busy neighbours: the median frame of the demo's model on the CPU, alone and beside a busy loop
on every core, for several numbers of threads. Wanted: at most three times as long.

Usage: tools/bench/neighbours.py [--program build/trecvit] [--threads 1,2] [--frames 2000] [SETTINGS...]
SETTINGS go to `trecvit bench stream` as they are, such as --set model.width=192. Ends with 1 above three times. The machine
must be idle otherwise.
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST = 3.0


def median_ms(options, threads):
    command = [options.program, "bench", "stream", "-c", str(ROOT / "configs" / "demo.yaml"), "--device", "cpu", "--streams", "1",
               "--frames", str(options.frames), "--threads", str(threads), "--format", "json", *options.settings]
    rows = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    return next(row["p50"] for row in rows if row["name"] == "stream 1")


def main():
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build" / "trecvit"))
    parser.add_argument("--threads", default=f"1,{cores}" if cores > 1 else "1")
    parser.add_argument("--frames", type=int, default=2000)
    options, options.settings = parser.parse_known_args()
    worst = 0.0
    for threads in map(int, options.threads.split(",")):
        alone = median_ms(options, threads)
        neighbours = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
        try:
            beside = median_ms(options, threads)
        finally:
            for neighbour in neighbours:
                neighbour.kill()
                neighbour.wait()
        worst = max(worst, beside / alone)
        print(f"{threads} threads: {alone:.3f} ms a frame alone, {beside:.3f} ms beside {cores} busy loops, "
              f"{beside / alone:.1f} times", flush=True)
    return 0 if worst <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
