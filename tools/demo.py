#!/usr/bin/env python3
"""Runs the demonstration with build/trecvit and writes run/demo/summary.json. Called by tools/demo.sh."""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import time

PROGRAM = "build/trecvit"
DATA = pathlib.Path("run/demo-data")
RUN = pathlib.Path("run/demo")
PRETRAIN = pathlib.Path("run/demo-pretrain")
BEST = RUN / "checkpoints" / "best"


def call(title, *arguments):
    """Runs one verb, shows what it says on standard error, returns (standard output, seconds)."""
    print(f"\n== {title}\n   {PROGRAM} {' '.join(map(str, arguments))}", file=sys.stderr, flush=True)
    started = time.time()
    done = subprocess.run([PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return done.stdout, time.time() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setup-seconds", type=float, default=0)
    setup_s = parser.parse_args().setup_seconds
    started = time.time()

    _, data_s = call("videos", "dataset", "synth", "--format", "ssv2", "--out", DATA, "--seed", 1)
    out, train_s = call("training", "train", "-c", "configs/demo.yaml", "--run-dir", RUN, "--json")
    trained = json.loads(out)
    out, eval_s = call("evaluation", "eval", "-m", BEST, "--data", DATA, "--out", RUN / "eval" / "validation-1x1", "--json")
    score = json.loads(out)
    out, _ = call("evaluation with the frames of every clip shuffled",
                  "eval", "-m", BEST, "--data", DATA, "--shuffle-frames", "--json")
    shuffled = json.loads(out)

    clip = next(iter(sorted((DATA / "20bn-something-something-v2").glob("*.webm"))))
    out, stream_s = call("streaming, frame by frame", "stream", clip, "-m", BEST, "--jsonl", "-")
    lines = [json.loads(line) for line in out.splitlines()]
    frames, summary = [l for l in lines if "frame" in l], lines[-1]
    out, _ = call("the same file as one clip", "predict", clip, "-m", BEST, "--format", "jsonl", "--topk",
                  len(frames[-1]["smoothed"]))
    whole = {t["id"]: t["p"] for t in json.loads(out)["topk"]}
    parity = max(abs(t["p"] - whole[t["id"]]) for t in frames[-1]["smoothed"])

    _, pretrain_s = call("masked pre-training", "pretrain", "-c", "configs/demo-pretrain.yaml", "--run-dir", PRETRAIN, "--json")
    picture = max((PRETRAIN / "reconstructions").glob("*.png"), key=lambda p: p.stat().st_mtime)
    shutil.copy(picture, RUN / "reconstruction.png")
    total_s = time.time() - started

    videos = sum(1 for _ in (DATA / "20bn-something-something-v2").glob("*.webm"))
    classes = len(json.loads((RUN / "labels.json").read_text()))
    (RUN / "summary.json").write_text(json.dumps({
        "top1": score["top1"], "shuffled_top1": shuffled["top1"], "classes": classes,
        "train_s": trained["seconds"], "total_s": total_s, "stream_ms_p50": summary["p50_ms"], "videos": videos,
        "missing": score["missing"], "parity": parity, "data_wait": trained["data_wait"]}, indent=2) + "\n")

    rows = [
        ("set-up and build", f"{setup_s:6.1f} s", ""),
        ("data", f"{data_s:6.1f} s", f"{videos} VP9 videos of {classes} motions in {DATA}"),
        ("training", f"{train_s:6.1f} s", f"{trained['steps']} steps, {100 * trained['data_wait']:.1f} % of the time waiting for data"),
        ("evaluation", f"{eval_s:6.1f} s", f"top-1 {100 * score['top1']:.1f} % of {score['n']} videos, {score['missing']} missing"),
        ("  frames shuffled", "", f"top-1 {100 * shuffled['top1']:.1f} %: what still pictures give away"),
        ("streaming", f"{stream_s:6.1f} s", f"{len(frames)} frames, median {summary['p50_ms']:.2f} ms; differs from the whole clip by {parity:.1e}"),
        ("masked pre-training", f"{pretrain_s:6.1f} s", f"picture: {RUN / 'reconstruction.png'}"),
        ("all but set-up", f"{total_s:6.1f} s", f"model: {BEST}, figures: {RUN / 'summary.json'}"),
    ]
    print()
    for name, seconds, what in rows:
        print(f"{name:<22}{seconds:>10}   {what}")


if __name__ == "__main__":
    main()
