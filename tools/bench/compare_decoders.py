"""Compares our video decoder with decord and torchcodec: kept frames per second, one thread each.

Installs decord 0.6.0 and torchcodec 0.11.1 into .cache/decoders (torch from .deps/torch), makes clips like those of
Something-Something V2 (VP9 427x240, 12 frames/s, 3 to 5 s; 32 frames spread over the clip) and of Kinetics (H.264 340x256,
30 frames/s, 10 s, a key frame every 250; 32 frames, stride 2), and lets each decoder fetch the same frames of the same clips
as 224 x 224 RGB, taking turns. Prints the median of the rounds and the ratios ours / theirs, by processor time, which other
work on the machine disturbs least; one thread each, so on an idle machine that is the time on the wall. Also compares the pictures: a
wrong frame would differ far more than another colour conversion does. Exit code 1: pictures differ, or a ratio is below 1.3.

  python3 tools/bench/compare_decoders.py --build build [--clips 12] [--rounds 5]

Needs the programs bench_decode (in the build folder) and ffmpeg.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
PYTHON = CACHE / "decoders" / "bin" / "python"
GOAL = 1.3
SIZE = 224
FRAMES = 32


def set_up():
    """Restarts this script in the environment of the peers, which is made first."""
    if sys.prefix == str(CACHE / "decoders"):
        return
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", str(CACHE / "decoders")], check=True)
        pip = [str(PYTHON), "-m", "pip", "install", "--quiet"]
        subprocess.run(pip + ["--no-deps", "decord==0.6.0", "torchcodec==0.11.1"], check=True)
        subprocess.run(pip + ["numpy"], check=True)
    environment = dict(os.environ, PYTHONPATH=str(ROOT / ".deps" / "torch"), OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    os.execve(PYTHON, [str(PYTHON), *sys.argv], environment)


def make_clips(kind, count):
    """Moving pictures with grain, at about the bit rates of the data sets. Returns [(path, frame numbers)]."""
    folder = CACHE / "clips" / kind
    folder.mkdir(parents=True, exist_ok=True)
    choose = random.Random(5)
    requests = []
    for i in range(count):
        if kind == "ssv2":
            frames = choose.randint(36, 60)
            path = folder / f"{i}.webm"
            picture = f"mandelbrot=size=427x240:rate=12:start_scale={1 / (i + 1):.4f}:end_scale=0.01:end_pts=200"
            codec = "-c:v libvpx-vp9 -b:v 260k -g 128 -cpu-used 4"
            # torchcodec's approximate mode believes that the last frame does not exist.
            numbers = [int((k + 0.5) * (frames - 1) / FRAMES) for k in range(FRAMES)]
        else:
            frames = 300
            path = folder / f"{i}.mp4"
            picture = f"mandelbrot=size=340x256:rate=30:start_scale={1 / (i + 1):.4f}:end_scale=0.001:end_pts=400"
            codec = "-c:v libx264 -preset medium -crf 26 -g 250"
            first = choose.randint(0, frames - 2 * FRAMES)
            numbers = [first + 2 * k for k in range(FRAMES)]
        if not path.exists():
            grain = f"noise=alls=3:allf=t:all_seed={i},rotate=0.02*n/12:fillcolor=gray"
            command = f"ffmpeg -v error -y -f lavfi -i {picture} -vf {grain} -frames:v {frames} -pix_fmt yuv420p {codec}"
            subprocess.run(command.split() + [str(path)], check=True)
        requests.append((str(path), numbers))
    return requests


def ours(build, requests, dump=None):
    listing = CACHE / "clips" / "list.tsv"
    listing.write_text("".join(f"{path}\t{','.join(map(str, numbers))}\n" for path, numbers in requests))
    command = [str(build / "bench_decode"), str(listing), "--size", str(SIZE)]
    if dump:
        command += ["--dump", str(dump)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["cpu_seconds"]


def decord_once(path, numbers):
    import decord

    return decord.VideoReader(path, width=SIZE, height=SIZE, num_threads=1).get_batch(numbers).asnumpy()


def torchcodec_once(path, numbers, seek_mode):
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import Resize

    decoder = VideoDecoder(path, dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode=seek_mode,
                           transforms=[Resize((SIZE, SIZE))])
    return decoder.get_frames_at(numbers).data.numpy()


PEERS = {
    "decord": decord_once,
    "torchcodec": lambda path, numbers: torchcodec_once(path, numbers, "exact"),
    "torchcodec approximate": lambda path, numbers: torchcodec_once(path, numbers, "approximate"),
}


def seconds_of(peer, requests):
    total = 0.0
    for path, numbers in requests:
        start = time.process_time()
        PEERS[peer](path, numbers)
        total += time.process_time() - start
    return total


def compare_pictures(build, requests):
    """Mean absolute difference per frame, and to the neighbours, so that an off-by-one would be seen."""
    import numpy as np

    dump = CACHE / "clips" / "dump.rgb"
    ours(build, requests, dump)
    mine = np.fromfile(dump, np.uint8).reshape(len(requests), FRAMES, SIZE, SIZE, 3).astype(np.int16)
    dump.unlink()
    agree = True
    for peer in ("decord", "torchcodec"):
        worst, wrong = 0.0, 0
        for clip, (path, numbers) in enumerate(requests):
            theirs = PEERS[peer](path, numbers).astype(np.int16)
            same = np.abs(mine[clip] - theirs).mean(axis=(1, 2, 3))
            shifted = np.abs(mine[clip][1:] - theirs[:-1]).mean(axis=(1, 2, 3))
            worst = max(worst, float(same.max()))
            wrong += int((same[:-1] > shifted + 0.01).sum())
        print(f"  pictures against {peer}: largest mean difference {worst:.2f} of 255, {wrong} frames nearer to a neighbour")
        agree &= worst < 6 and wrong == 0
    return agree


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", type=Path, default=ROOT / "build")
    options.add_argument("--clips", type=int, default=12)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    set_up()
    import torch

    torch.set_num_threads(1)
    good = True
    for kind in ("ssv2", "kinetics"):
        requests = make_clips(kind, chosen.clips)
        frames = FRAMES * len(requests)
        times = {name: [] for name in ("ours", *PEERS)}
        for peer in PEERS:
            seconds_of(peer, requests[:2])  # imports and caches
        for _ in range(chosen.rounds):
            for name in times:
                times[name].append(ours(chosen.build, requests) if name == "ours" else seconds_of(name, requests))
        rates = {name: frames / statistics.median(values) for name, values in times.items()}
        spread = {name: (max(v) - min(v)) / statistics.median(v) for name, v in times.items()}
        print(f"{kind}: {len(requests)} clips, {FRAMES} frames each, {chosen.rounds} rounds, one thread")
        for name, rate in rates.items():
            ratio = f"  ours is {rates['ours'] / rate:.2f} times as fast" if name != "ours" else ""
            print(f"  {name:24s} {rate:7.0f} frames/s (spread {100 * spread[name]:.0f} %){ratio}")
            good &= name == "ours" or rates["ours"] / rate >= GOAL
        good &= compare_pictures(chosen.build, requests)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
