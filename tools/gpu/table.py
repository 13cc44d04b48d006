#!/usr/bin/env python3
"""The last word of tools/gpu/check.sh: a line per goal, from the results it left.

usage: table.py RESULTS     reads peers.jsonl, peer_attention.log, training.json, and of `trecvit bench` clip.json,
train.json, stream.json, streams.json, kernels.json and million.json.
The peer is torch.compile in the same call, in a CUDA graph where that is the faster (its attention: the faster of cuDNN's
and flash). What was not measured says so.
"""
import json
import re
import sys
from pathlib import Path

# Work, its name in the benches, what must be reached, what is aimed at, and the unit.
MODEL = [
    ("training step, 8 clips x 16 frames", "train 8x16", 2000, 2400, "frames/s"),
    ("clip forward, 8 x 32", "clip 8x32", 7500, 8500, "frames/s"),
    ("clip forward, 1 x 32", "clip 1x32", 5500, 6500, "frames/s"),
    ("streaming, 1 stream", "stream 1", 0.55, 0.40, "ms"),
    ("streaming, 8 streams", "stream 8", 5500, 7000, "frames/s"),
    ("streaming, 64 streams", "stream 64", 7000, 8500, "frames/s"),
]
MEMORY = ("its memory", 14, 12)  # GiB, of the training step
# Work, the kernel's name in the bench, shares of the bandwidth of a copy in per cent.
SCANS = [
    *((f"scan forward, 8 x 197 rows, T {t}", f"scan forward 1576x{t}", 90, 95) for t in (32, 64, 128, 256, 1024)),
    *((f"scan forward, 1 x 197 rows, T {t}", f"scan forward 197x{t}", 88, 93) for t in (256, 1024, 4096)),
    *((f"scan backward, 8 x 197 rows, T {t}", f"scan backward 1576x{t}", 80, 90) for t in (32, 64, 128, 256)),
]
FEW = ("scan forward, 64 rows, T 4096: serial / chosen", 3, 5)
ATTENTION = [("forward", 190, 150), ("backward", 700, 450)]  # us
DRIFT = 1.05
BF16 = 2.0  # per cent


def json_rows(path):
    """Rows of one JSON array, or of one JSON object per line, that has them; none where the file is missing or broken."""
    try:
        content = path.read_text()
        return json.loads(content) if content.lstrip().startswith("[") else [json.loads(line) for line in content.splitlines()]
    except (OSError, ValueError):
        return []


def named_rows(results, *files):
    return {row["name"]: row for name in files for row in json_rows(results / f"{name}.json")}


def number(value, unit=""):
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}{' ' + unit if unit else ''}"


class Table:
    def __init__(self):
        self.rows = [["work", "torch.compile", "must", "aim", "ours", "times as good", "met"]]

    def add(self, work, unit, must, aim, ours, peer=None, mode="", more_is_better=True, how=""):
        """`mode` and `how` say how peer and ours were run; `aim` may be None."""
        def reached(goal):
            return ours >= goal if more_is_better else ours <= goal

        verdict = ratio = ""
        if ours is not None:
            verdict = "no" if not reached(must) else "aim" if aim is not None and reached(aim) else "must"
        if ours and peer:
            ratio = f"{ours / peer if more_is_better else peer / ours:.2f}"
        peer_text = number(peer, unit) + (f" ({mode})" if peer and mode else "")
        mine = number(ours, unit) + (f" ({how})" if how else "") if ours is not None else "not measured"
        self.rows.append([work, peer_text, number(must, unit), number(aim, unit), mine, ratio, verdict])

    def show(self):
        widths = [max(len(row[i]) for row in self.rows) for i in range(len(self.rows[0]))]
        for n, row in enumerate(self.rows):
            print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
            if n == 0:
                print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def add_model(table, results, ours):
    peers = [p for p in json_rows(results / "peers.jsonl") if p["mode"] in ("compile", "graph")]
    for work, name, must, aim, unit in MODEL:
        best = max((p for p in peers if p["work"] == name), key=lambda p: p["frames_per_s"], default=None)
        # A clip may be replayed as a graph by us as by the peer.
        mine = max((ours[n] for n in (name, name + ", graph") if n in ours), key=lambda row: row["value"], default=None)
        per_step = unit == "ms"
        mode = "graph" if best and best["mode"] == "graph" else ""
        how = "graph" if mine and mine["name"].endswith("graph") else ""
        table.add(work, unit, must, aim, mine and mine["p50" if per_step else "value"],
                  best and best["ms" if per_step else "frames_per_s"], mode, more_is_better=not per_step, how=how)
        if name == "train 8x16":
            table.add(MEMORY[0], "GiB", *MEMORY[1:], mine and mine["peak_bytes"] / 2**30, best and best["peak_gib"],
                      more_is_better=False)


def add_kernels(table, results, ours):
    def share(row):
        return row and 100 * row["bandwidth"]

    for work, name, must, aim in SCANS:
        table.add(work, "% of copy", must, aim, share(ours.get(name)))
    serial = [row["p50"] for name, row in ours.items() if re.fullmatch(r"scan forward, serial by \d+ 64x4096", name)]
    chosen = ours.get("scan forward 64x4096")
    table.add(FEW[0], "", *FEW[1:], min(serial) / chosen["p50"] if serial and chosen else None)

    size = "256 x 12 x 197 x 64"
    log = results / "peer_attention.log"
    library = re.compile(size + r"\s+(\w+)\s+forward\s+([\d.]+) us\s+backward\s+([\d.]+) us")
    peers = library.findall(log.read_text()) if log.exists() else []
    for n, (way, must, aim) in enumerate(ATTENTION, 1):
        us, name = min(((float(peer[n]), peer[0]) for peer in peers), default=(None, ""))
        row = ours.get(f"attention {way} {size.replace(' ', '')}")
        table.add(f"attention {way}, {size}", "us", must, aim, row and 1e3 * row["p50"], us, name, more_is_better=False)


def add_constancy(table, rows, model):
    """Of every number of streams: what the last frames cost against those to the thousandth, in time and in memory."""
    for name, early in rows.items():
        found = re.fullmatch(r"(stream (\d+), to frame )1000", name)
        late = found and [row for n, row in rows.items() if n.startswith(found[1]) and n != name]
        if not late:
            continue
        work = f"{model}, {found[2]} stream(s), frame {int(late[0]['name'].split()[-1]):,} / frame 1,000"
        table.add(work + ": time", "", DRIFT, None, late[0]["p50"] / early["p50"], more_is_better=False)
        table.add(work + ": memory", "", 1, None, late[0]["peak_bytes"] / early["peak_bytes"], more_is_better=False)


def add_training(table, results):
    """By how much means of a window of losses differ, at most."""
    for run in json_rows(results / "training.json"):
        work = f"{run['window'] * len(run['loss'])} steps, lr {run['lr']:g}, seed {run['seed']}, worst {run['window']}: "
        for name, base in (("bf16 against fp32", "fp32"), ("bf16 against rounded", "fp32 from weights rounded to bf16")):
            table.add(f"{work}bf16 against {base}", "%", BF16, None, max(map(abs, run[name])), more_is_better=False)


def main():
    results = Path(sys.argv[1])
    table = Table()
    streams = named_rows(results, "stream", "streams")
    ours = {**named_rows(results, "clip", "train", "kernels"), **streams}
    million = named_rows(results, "million")
    add_model(table, results, ours)
    add_kernels(table, results, ours)
    add_constancy(table, streams, "B")
    add_constancy(table, million, "1 layer")
    add_training(table, results)
    table.show()
    row = next(iter({**ours, **million}.values()), None)
    if row:
        print(f"{row['device']}, commit {row['commit']}")


if __name__ == "__main__":
    main()
