"""Mutated inputs: the fuzz programs of the build (tests/fuzz), and the whole program from outside.

The fuzz programs are compiled with AddressSanitizer and UBSan whatever the build is; fuzz_checkpoint and video_mutations use the
libraries, so they are taken from a sanitizer build when there is one. Each runs in pieces, so that a finding costs the rest of
its piece alone.
"""
import concurrent.futures
import os
import random
import re
import shutil
import subprocess
import threading
from pathlib import Path

from report import Clock, Row

# Of 1,000 inputs, how many each target gets.
SHARES = {"npz": 200, "safetensors": 200, "config": 150, "dataset": 150, "checkpoint": 120, "stream": 120, "video": 50, "program": 10}
PIECE = {"video": 100}  # inputs of one process; 2,000 for others
TOO_SLOW = 70  # exit code of tests/fuzz/driver.cpp
LIMIT = 3600  # seconds of one piece, which watches its own inputs
PROGRAM_LIMIT = 60  # seconds of one input of the whole program


class Mutations:
    def __init__(self, build, sanitized, out, seed=0, jobs=None):
        self.build, self.out, self.seed, self.jobs = Path(build), Path(out), seed, jobs or os.cpu_count()
        self.sanitized = Path(sanitized) if sanitized and (Path(sanitized) / "fuzz_checkpoint").exists() else self.build
        self.lock = threading.Lock()
        self.rows = {target: Row(f"mutated {'inputs of the program' if target == 'program' else target}") for target in SHARES}

    def __call__(self, count, targets=None):
        self.out.mkdir(parents=True, exist_ok=True)
        rows = []
        for target in targets or SHARES:
            row, inputs = self.rows[target], max(1, count * SHARES[target] // 1000)
            with Clock(row), concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
                if target == "program":
                    Program(self.sanitized, self.out / "program", self.seed, row, self.lock).prepare().run(pool, inputs)
                else:
                    size = PIECE.get(target, 2000)
                    pieces = [min(size, inputs - begun) for begun in range(0, inputs, size)]
                    list(pool.map(lambda piece: self.piece(target, *piece), enumerate(pieces)))
            if target in ("checkpoint", "video") and self.sanitized == self.build:
                row.notes.append("of a build without sanitizers")
            rows.append(row)
        return rows

    def piece(self, target, number, inputs):
        if target == "video":
            return self.videos(number, inputs)
        row, left, attempt = self.rows[target], inputs, 0
        program = (self.sanitized if target == "checkpoint" else self.build) / f"fuzz_{target}"
        while left > 0:
            folder = self.out / f"{target}_{number}_{attempt}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            code, said = finish([program, "--runs", left, "--seed", self.seed * 1000003 + number * 1009 + attempt + 1, "--save", folder])
            done = left
            if code:
                runs = folder / "runs"
                done = min(left, int(runs.read_text() or 0) + 1 if runs.exists() else 1)
                (folder / "report.txt").write_text(said)
                with self.lock:
                    row.found("hung" if code in (TOO_SLOW, None) else "crashed", f"{folder}/current: {summary(said, code)}")
            else:
                shutil.rmtree(folder)
            with self.lock:
                row.tried += done
            left -= done
            attempt += 1
            if attempt > 20:
                with self.lock:
                    row.notes.append(f"piece {number} was given up after 20 findings, {left} inputs before its end")
                return

    def videos(self, number, inputs):
        folder = self.out / f"video_{number}"
        folder.mkdir(exist_ok=True)
        code, said = finish([self.sanitized / "video_mutations", "--runs", inputs, "--seed", self.seed * 1000003 + number + 1,
                             "--save", folder])
        findings = [line for line in said.splitlines() if re.search(r"video_\d+_\d+: ", line)]
        row = self.rows["video"]
        with self.lock:
            row.tried += inputs
            for line in findings:
                row.found("hung" if "still reading" in line else "crashed", line)
            if code and not findings:
                row.found("hung" if code is None else "crashed", f"video_mutations itself, seed {number + 1}: {summary(said, code)}")
        if not code:
            shutil.rmtree(folder)


def finish(words, limit=LIMIT, **how):
    """Exit code (None: past the limit) and all output."""
    try:
        done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit,
                              **{"stdin": subprocess.DEVNULL, **how})
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode(errors="replace")
    return done.returncode, done.stdout.decode(errors="replace")


def summary(said, code):
    lines = [line for line in said.splitlines() if re.search(r"SUMMARY|ERROR: |runtime error|what\(\)|too long|rss limit", line)]
    return "; ".join(lines[:3]) or f"exit code {code}"


def mutated(content, chance):
    """Bytes near `content`: one to four edits."""
    content = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(content) + 1)
        piece = chance.randint(1, 40)
        edit = chance.randrange(6)
        if edit == 0 and content:
            content[at % len(content)] ^= 1 << chance.randrange(8)
        elif edit == 1:
            del content[at:at + piece]
        elif edit == 2:
            content[at:at] = content[at:at + piece]
        elif edit == 3:
            content[at:at + piece] = chance.choice([b"null", b"-1", b"1e999", b"99999999999999999999", b"\xff\xfe", b"{", b"[[", b"\"", b"\n"])
        elif edit == 4:
            content[at:at + 1] = bytes(chance.randrange(256) for _ in range(chance.randint(0, 3)))
        else:
            del content[at:]
    return bytes(content)


class Program:
    """trecvit itself over mutated files. Whatever it reads, it ends with 0, 1, 2 or 3 and at most one line of error."""

    def __init__(self, build, out, seed, row, lock):
        self.program, self.out, self.seed, self.row, self.lock = Path(build) / "trecvit", Path(out), seed, row, lock

    def prepare(self):
        def ok(*words):
            code, said = finish([self.program, *words], limit=600)
            if code:
                raise RuntimeError(f"{' '.join(map(str, words))} ended with {code}: {said}")

        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        data, run, results = self.out / "data", self.out / "run", self.out / "eval"
        ok("dataset", "synth", "--out", data, "--format", "kinetics", "--train", "4", "--validation", "2", "--width", "32", "--height",
           "24", "--min-frames", "4", "--max-frames", "5", "--quiet")
        words = ["--set", "model.variant=mu", "--set", "model.head_width=8", "--set", "data.frames=2", "--set", "data.size=16", "--set",
                 "data.sampling=uniform", "--set", "train.device=cpu", "--set", "train.threads=1", "--set", "train.global_batch=2"]
        ok("train", "--data", data, "--run-dir", run, "--quiet", "--max-steps", "2", *words)
        model = run / "checkpoints/last"
        ok("eval", "-m", model, "--data", data, "--out", results, "--quiet", "--device", "cpu")
        config = self.out / "config.yaml"
        config.write_text("seed: 1\nmodel: {width: 64, heads: 4}\ndata:\n  root: a\ntrain:\n  lr: 1e-3\n")
        video = next((data / "val").rglob("*.mp4"))
        # (name of the mutated file, its seed, words that read it; None stands for the file)
        self.readers = [
            ("predictions.jsonl", results / "predictions.jsonl", ["eval", "score", None]),
            ("config.yaml", config, ["config", "validate", None]),
            ("config.yaml", run / "config.resolved.yaml", ["train", "-c", None, "--dry-run", "--quiet", "--run-dir", self.out / "none"]),
            ("model.safetensors", model / "model.safetensors", ["inspect", "model", None]),
            ("model.safetensors", model / "model.safetensors", ["predict", video, "-m", None, "--device", "cpu"]),
            ("video.mp4", video, ["predict", None, "-m", model, "--device", "cpu"]),
            ("video.mp4", video, ["inspect", "video", None]),
            ("list.txt", data / "annotations/train.csv", ["dataset", "list", "--data", None, "--split", "train"]),
            ("labels.json", run / "labels.json", ["convert", model, "OUT.safetensors", "--labels", None]),
            ("raw", video, ["stream", "-", "--raw", "8x6@12:rgb24", "-m", model, "--device", "cpu", "--jsonl", "-"]),
            ("encoded", video, ["stream", "-", "-m", model, "--device", "cpu", "--jsonl", "-"]),
        ]
        return self

    def run(self, pool, count):
        list(pool.map(self.one, range(count)))

    def one(self, number):
        chance = random.Random(f"{self.seed} program {number}")
        name, seed, words = self.readers[number % len(self.readers)]
        folder = self.out / f"input_{number}"
        folder.mkdir()
        file = folder / name
        file.write_bytes(mutated(seed.read_bytes(), chance))
        words = [file if word is None else folder / word if word == "OUT.safetensors" else word for word in words]
        with file.open("rb") as content:
            code, said = finish([self.program, *words], limit=PROGRAM_LIMIT, cwd=folder,
                                stdin=content if "-" in words[1:2] else subprocess.DEVNULL)
        errors = [line for line in said.splitlines() if line.startswith("trecvit: error: ")]
        wrong = None
        if code is None:
            wrong = "hung"
        elif code not in (0, 1, 2, 3) or (code in (1, 2) and len(errors) != 1) or "fault of trecvit" in said:
            wrong = "crashed"
        with self.lock:
            self.row.tried += 1
            if wrong:
                self.row.found(wrong, f"trecvit {' '.join(map(str, words))}: {summary(said, code)} {said[-200:]!r}")
        if not wrong:
            shutil.rmtree(folder)
