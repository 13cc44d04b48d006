#!/usr/bin/env python3
"""Times TRecViT in PyTorch (trecvit_model.py): the peer that our engine is measured against.

bf16 (in training autocast and fused AdamW), torch.compile, CUDA graphs for inference. Weights and frames are random and lie
on the device.

  trecvit_torch.py [--cases train,clip8,clip1,stream1,stream8,stream64] [--modes eager,compile,graph] [--size B|tiny]
  trecvit_torch.py --check GOLDEN.npz      logits against recorded ones, whole clips and frame by frame, fp32

Standard output has one JSON line per measurement: work mode frames_per_s ms p90 peak_gib repeats prepare_s scan device torch.
ms is the median of one training step, of one forward pass, or of one frame of every stream; frames_per_s follows from it.
"""
import argparse
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from trecvit_model import SCANS, Memory, Size, TRecViT, load_official

SIZES = {"B": Size(768, 12, 12, 3072, 1536, 224, 224, 400), "tiny": Size(32, 2, 2, 64, 64, 32, 48, 7, 24)}

# name -> kind, clips or streams, frames; `tiny` runs them with two frames a clip.
WORKS = {
    "train": ("train", 8, 16),
    "clip8": ("clip", 8, 32),
    "clip1": ("clip", 1, 32),
    "stream1": ("stream", 1, 1),
    "stream8": ("stream", 8, 1),
    "stream64": ("stream", 64, 1),
}


@torch.no_grad()
def check(path, device):
    """True when clips, and the same clips frame by frame, give the recorded logits within 1e-5 (L2, relative)."""
    import numpy as np

    arrays = dict(np.load(path))
    width, depth, heads, mlp, expand, classes, head, frames = (int(v) for v in arrays["meta/config"])
    video = torch.as_tensor(arrays["input/video"])  # [videos, clips * T, H, W, 3]
    videos, height, columns = video.shape[0], video.shape[2], video.shape[3]
    size = Size(width, depth, heads, mlp, expand * width, height, columns, classes, head)
    model = TRecViT(size)
    load_official(model, {name.removeprefix("params/"): value for name, value in arrays.items()})
    model.to(device)
    clips = video.reshape(-1, frames, height, columns, 3).transpose(0, 1).contiguous().to(device)
    memory = Memory(size, clips.shape[1], device, torch.float32)
    for frame in clips.split(1):
        streamed = model(frame, memory)
    wanted = torch.as_tensor(arrays["output/logits"])
    worst = 0.0
    for logits in (model(clips), streamed):
        mean = logits.view(videos, -1, classes).mean(1).cpu()
        worst = max(worst, float((mean - wanted).norm() / wanted.norm()))
    print(json.dumps({"work": "check", "file": str(path), "relative": worst}), flush=True)
    return worst < 1e-5


def train_step(size, scan, clips, frames, device, compile_mode):
    """One step of bf16 autocast, clipping and AdamW; as a function."""
    with device:
        model = TRecViT(size, scan)
    if compile_mode:
        model.compiled(compile_mode)
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.03, fused=True)
    video = torch.randint(0, 256, (frames, clips, size.height, size.columns, 3), dtype=torch.uint8, device=device)
    labels = torch.randint(0, size.classes, (clips,), device=device)

    def step():
        with torch.autocast(device.type, dtype=torch.bfloat16):
            logits = model(video)
        F.cross_entropy(logits, labels, label_smoothing=0.1).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def inference(size, scan, kind, batch, frames, device, compile_mode):
    """One forward pass over clips, or over a frame of every stream; as a function."""
    with device:
        model = TRecViT(size, scan).in_bf16().eval()
    if compile_mode:
        model.compiled(compile_mode)
    video = torch.randint(0, 256, (frames, batch, size.height, size.columns, 3), dtype=torch.uint8, device=device)
    memory = Memory(size, batch, device, torch.bfloat16) if kind == "stream" else None

    @torch.no_grad()
    def step():
        return model(video, memory)

    return step


def in_graph(step):
    """`step` recorded as a CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def times_ms(step, device, repeats):
    """Each of `repeats` runs, enqueued without waiting in between."""
    if device.type == "cpu":
        marks = [time.perf_counter()]
        for _ in range(repeats):
            step()
            marks.append(time.perf_counter())
        return [1e3 * (b - a) for a, b in zip(marks, marks[1:])]
    events = [torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]
    events[0].record()
    for event in events[1:]:
        step()
        event.record()
    torch.cuda.synchronize()
    return [a.elapsed_time(b) for a, b in zip(events, events[1:])]


def measure(work, mode, given, device):
    kind, batch, frames = WORKS[work]
    if given.size == "tiny":
        frames = min(frames, 2)
    size = SIZES[given.size]
    gpu = device.type == "cuda"
    if gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    compile_mode = None if mode == "eager" else given.compile_mode
    if kind == "train":
        step = train_step(size, SCANS[given.scan], batch, frames, device, compile_mode)
    else:
        step = inference(size, SCANS[given.scan], kind, batch, frames, device, compile_mode)
    for _ in range(3):
        step()
    if mode == "graph":
        step = in_graph(step)
    if gpu:
        torch.cuda.synchronize()
    prepared = time.perf_counter() - started
    times_ms(step, device, 3)
    repeats = given.repeats * (5 if kind == "stream" and gpu else 1)
    times = sorted(times_ms(step, device, repeats))
    median = statistics.median(times)
    print(
        json.dumps(
            {
                "work": f"stream {batch}" if kind == "stream" else f"{kind} {batch}x{frames}",
                "mode": mode,
                "frames_per_s": round(1e3 * batch * frames / median, 1),
                "ms": round(median, 4),
                "p90": round(times[round(0.9 * (len(times) - 1))], 4),
                "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2) if gpu else None,
                "repeats": repeats,
                "prepare_s": round(prepared, 1),
                "scan": given.scan,
                "device": torch.cuda.get_device_name() if gpu else "cpu",
                "torch": torch.__version__,
            }
        ),
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description="TRecViT in PyTorch, timed", allow_abbrev=False)
    parser.add_argument("--cases", default=",".join(WORKS), help="comma-separated: %(default)s")
    parser.add_argument("--modes", default="eager,compile,graph", help="graph: compiled, in a CUDA graph; not for train")
    parser.add_argument("--size", choices=SIZES, default="B")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=20, help="streams on a GPU take five times as many")
    parser.add_argument("--scan", choices=SCANS, default="loop", help="the recurrence over time")
    parser.add_argument("--attention", choices=["auto", "cudnn", "flash"], default="cudnn", help="library on a GPU")
    parser.add_argument("--compile-mode", default="default", help="such as max-autotune-no-cudagraphs")
    parser.add_argument("--budget", type=float, default=240, help="seconds after which no further measurement begins")
    parser.add_argument("--check", metavar="GOLDEN", help="compare logits with recorded ones instead")
    given = parser.parse_args()
    device = torch.device(given.device)
    if given.check:
        return 0 if check(given.check, device) else 1
    if given.attention != "auto":
        torch.backends.cuda.enable_mem_efficient_sdp(False)
        torch.backends.cuda.enable_flash_sdp(given.attention == "flash")
        torch.backends.cuda.enable_cudnn_sdp(given.attention == "cudnn")
    modes = given.modes.split(",")
    began = time.perf_counter()
    torch.manual_seed(1)
    for work in given.cases.split(","):
        for mode in modes:
            if mode == "graph" and (device.type == "cpu" or WORKS[work][0] == "train"):
                continue
            if time.perf_counter() - began > given.budget:
                print(f"out of time before {work}, {mode}", file=sys.stderr)
                continue
            try:
                measure(work, mode, given, device)
            except Exception as failure:  # the other measurements are still wanted
                print(f"{work}, {mode}: {type(failure).__name__}: {str(failure)[:500]}", file=sys.stderr)
        torch._dynamo.reset()
    return 0


if __name__ == "__main__":
    sys.exit(main())
