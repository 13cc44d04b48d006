#!/usr/bin/env python3
"""The last word of tools/gpu_check.sh: a line per goal, from the results it left.

usage: gpu_table.py RESULTS     reads peers.jsonl, clip.json, train.json, stream.json, streams.json, bench_kernels.log,
bench_attention.log and peer_attention.log.
What was not measured stays empty. The peer's figure is the best of its modes.
"""
import json
import re
import sys
from pathlib import Path

# Work, its name in the benches, what must be reached, and its unit.
MODEL = [
    ("training step, 8 clips x 16 frames", "train 8x16", 2000, "frames/s"),
    ("clip forward, 8 x 32", "clip 8x32", 7500, "frames/s"),
    ("clip forward, 1 x 32", "clip 1x32", 5500, "frames/s"),
    ("streaming, 1 stream", "stream 1", 0.55, "ms"),
    ("streaming, 8 streams", "stream 8", 5500, "frames/s"),
    ("streaming, 64 streams", "stream 64", 7000, "frames/s"),
]
# Work, kernel, rows, frames, least share of the bandwidth of a copy.
SCANS = [
    *((f"scan forward, 1576 rows, T {t}", "lru forward", 1576, t, 90) for t in (32, 64, 256, 1024)),
    *((f"scan forward, 197 rows, T {t}", "lru forward", 197, t, 88) for t in (256, 1024, 4096)),
    *((f"scan backward, 1576 rows, T {t}", "lru backward", 1576, t, 80) for t in (32, 64, 128, 256)),
]
TRAINING_GIB = 14
LATENCY_DRIFT = 1.05


def json_rows(path):
    """Rows of one JSON array, or of one JSON object per line, that has them; none where the file is missing or broken."""
    try:
        content = path.read_text()
        return json.loads(content) if content.lstrip().startswith("[") else [json.loads(line) for line in content.splitlines()]
    except (OSError, ValueError):
        return []


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def number(value, unit=""):
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}{' ' + unit if unit else ''}"


class Table:
    def __init__(self):
        self.rows = [["work", "peer", "must", "ours", "ours / peer", ""]]

    def add(self, work, unit, must, ours, peer=None, mode="", more_is_better=True, how=""):
        """Ratios say how many times as fast (or small) ours is; `mode` and `how` say how the two were run."""
        ratio = verdict = ""
        if ours is not None:
            verdict = "met" if (ours >= must if more_is_better else ours <= must) else "missed"
        if ours and peer:
            ratio = f"{ours / peer if more_is_better else peer / ours:.2f}"
        peer_text = number(peer, unit) + (f" ({mode})" if peer and mode else "")
        mine = number(ours, unit) + (f" ({how})" if how else "") if ours is not None else "not measured"
        self.rows.append([work, peer_text, number(must, unit), mine, ratio, verdict])

    def show(self):
        widths = [max(len(row[i]) for row in self.rows) for i in range(len(self.rows[0]))]
        for n, row in enumerate(self.rows):
            print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
            if n == 0:
                print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def add_model(table, results):
    peers = json_rows(results / "peers.jsonl")
    ours = {row["name"]: row for name in ("clip", "train", "stream", "streams") for row in json_rows(results / f"{name}.json")}
    for work, name, must, unit in MODEL:
        best = max((p for p in peers if p["work"] == name), key=lambda p: p["frames_per_s"], default=None)
        # A clip may be replayed as a graph by us as by the peer.
        mine = max((ours[n] for n in (name, name + ", graph") if n in ours), key=lambda row: row["value"], default=None)
        per_step = unit == "ms"
        table.add(
            work,
            unit,
            must,
            mine and mine["p50" if per_step else "value"],
            best and best["ms" if per_step else "frames_per_s"],
            best["mode"] if best else "",
            more_is_better=not per_step,
            how="graph" if mine and mine["name"].endswith("graph") else "",
        )
        if name == "train 8x16":
            gib = mine and mine["peak_bytes"] / 2**30
            table.add("its memory", "GiB", TRAINING_GIB, gib, best and best["peak_gib"], best["mode"] if best else "", False)
    for streams in (1, 8):
        early = next((r for n, r in ours.items() if re.fullmatch(f"stream {streams}, to frame 1000", n)), None)
        late = [r for n, r in ours.items() if n.startswith(f"stream {streams}, to frame ") and r is not early]
        if early and late:
            last = late[-1]["name"].split()[-1]
            work = f"{streams} stream(s): frame {last} / frame 1000"
            table.add(work, "", LATENCY_DRIFT, late[-1]["p50"] / early["p50"], more_is_better=False)
    return ours


def add_kernels(table, results):
    pattern = re.compile(r"(lru \w+)\s+(\d+)\s+(\d+)\s+(.*?)\s+([\d.]+) us\s+\d+ GB/s\s+(\d+) % of copy")
    measured = [m.groups() for m in map(pattern.match, lines(results / "bench_kernels.log")) if m]

    def of(kernel, rows, frames):
        return [(how, float(us), int(share)) for k, r, t, how, us, share in measured if (k, int(r), int(t)) == (kernel, rows, frames)]

    for work, kernel, rows, frames, must in SCANS:
        chosen = [m for m in of(kernel, rows, frames) if m[0].startswith("*")]
        table.add(work, "% of copy", must, chosen[0][2] if chosen else None)
    few = of("lru forward", 64, 4096)
    serial = [us for how, us, _ in few if "serial" in how]
    chosen = [us for how, us, _ in few if how.startswith("*")]
    ratio = min(serial) / chosen[0] if serial and chosen else None
    table.add("scan, 64 rows, T 4096: serial / chosen", "", 3, ratio)

    attention = re.compile(r"\s*256\s+12\s+197\s+64\s+([\d.]+) us.*?([\d.]+) us")
    found = next((m for m in map(attention.match, lines(results / "bench_attention.log")) if m), None)
    library = re.compile(r"\s*256 x 12 x 197 x 64\s+(\w+)\s+forward\s+([\d.]+) us\s+backward\s+([\d.]+) us")
    peers = [m.groups() for m in map(library.match, lines(results / "peer_attention.log")) if m]
    for n, (work, must) in enumerate([("forward", 190), ("backward", 700)], 1):
        us, name = min(((float(p[n]), p[0]) for p in peers), default=(None, ""))
        ours = float(found[n]) if found else None
        table.add(f"attention 256 x 12 x 197 x 64, {work}", "us", must, ours, us, name, more_is_better=False)


def main():
    results = Path(sys.argv[1])
    table = Table()
    ours = add_model(table, results)
    add_kernels(table, results)
    table.show()
    for row in ours.values():
        print(f"{row['device']}, commit {row['commit']}")
        break


if __name__ == "__main__":
    main()
