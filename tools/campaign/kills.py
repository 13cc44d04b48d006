"""Training runs that are killed, and go on with the same command: bit for bit as if nothing had happened.

A run of seconds is made once without a kill; libkill_point.so writes down which system calls change its folder. Every point of
the campaign then starts the same run in a folder of its own, ends it, and runs the same command again:

  save         SIGKILL before, after or in the middle of a call of a save
  between      the same for the other calls: logs, configuration, labels
  evaluation   SIGKILL when evaluation opens a video
  moment       SIGKILL from outside, at any time
  interrupted  SIGTERM at a call, and SIGKILL at a later one, such as in the save that the SIGTERM causes
  repeated     several kills, one run after the other
"""
import collections
import concurrent.futures
import dataclasses
import json
import os
import random
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

from report import Clock, Row

LIMIT = 120  # seconds that one run of a program may take; alone it takes one
TIMINGS = ("clips_per_s", "data_wait", "seconds", "videos_per_s")

CONFIG = """
seed: 3
model: {variant: mu, head_width: 32, dropout: 0.1}
data: {format: kinetics, frames: 4, sampling: uniform, size: 32, workers: 1, max_bad_share: 1}
augment: {mixup: 0.3, brightness: 0.2}
mae: {width: 16, depth: 1, heads: 2, mlp_width: 32, lru_width: 16, mask_ratio: 0.5}
train: {epochs: 3, global_batch: 4, lr: 1.0e-3, warmup_epochs: 0, device: cpu, threads: 1}
checkpoint: {every_steps: 2}
"""


@dataclasses.dataclass
class Scenario:
    name: str
    words: list
    validation: Path  # whose videos evaluation opens
    folder: Path = None  # of the run without a kill
    calls: list = None  # of that run: (number, call, path of what it makes or changes)
    seconds: float = 0
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)


@dataclasses.dataclass
class Ended:
    code: int
    error: str
    calls: list
    hung: bool = False


class Campaign:
    def __init__(self, build, work, seed=0, jobs=None):
        self.program, self.library = Path(build) / "trecvit", Path(build) / "libkill_point.so"
        self.work, self.seed, self.jobs = Path(work), seed, jobs or os.cpu_count()
        self.row = Row("kills in training")
        self.left = []  # what no later run takes away, though nobody needs it
        self.lock = threading.Lock()

    def run(self, scenario, folder, points="", watch=None, after=None):
        """Runs the scenario in `folder`. points: KILL_POINT_AT; watch: the folder whose calls count; after: SIGKILL so many
        seconds later."""
        log = folder.with_suffix(".log")
        log.unlink(missing_ok=True)
        environment = dict(os.environ, LD_PRELOAD=str(self.library), KILL_POINT_FOLDER=str(watch or folder),
                           KILL_POINT_AT=points, KILL_POINT_LOG=str(log))
        if watch:
            environment["KILL_POINT_READS"] = "1"
        process = subprocess.Popen([self.program, *scenario.words, "--run-dir", folder, "--quiet"], env=environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        try:
            _, error = process.communicate(timeout=LIMIT if after is None else after)
        except subprocess.TimeoutExpired:
            process.kill()
            _, error = process.communicate()
            if after is None:
                return Ended(process.returncode, error, read_calls(log), hung=True)
        return Ended(process.returncode, error, read_calls(log))

    def prepare(self):
        """The data sets and the scenarios."""
        def synth(name, *words):
            folder = self.work / name
            subprocess.run([self.program, "dataset", "synth", "--out", folder, "--format", "kinetics", "--width", "32", "--height",
                            "24", "--min-frames", "6", "--max-frames", "8", "--quiet", *words], check=True, stdout=subprocess.DEVNULL)
            return folder

        self.work.mkdir(parents=True, exist_ok=True)
        whole, damaged = synth("whole", "--train", "12", "--validation", "4"), synth("damaged", "--train", "8", "--validation", "3")
        for part, count in (("train", 2), ("val", 1)):
            for video in sorted((damaged / part).iterdir())[:count]:
                video.write_text("no video")
        config = self.work / "campaign.yaml"
        config.write_text(CONFIG)
        self.scenarios = [
            Scenario("classify", ["train", "-c", config, "--data", whole], whole / "val"),
            # Batches of one, so that some of them are empty.
            Scenario("damaged", ["train", "-c", config, "--data", damaged, "--set", "train.global_batch=1", "--set", "augment.mixup=0",
                                 "--set", "train.epochs=2", "--set", "checkpoint.keep=1"], damaged / "val"),
            Scenario("pretrain", ["pretrain", "-c", config, "--data", whole, "--set", "augment.mixup=0",
                                  "--set", "train.epochs=2"], whole / "train"),
        ]

    def reference(self, scenario):
        """The run without a kill, made when it is first asked for."""
        with scenario.lock:
            if scenario.calls is None:
                scenario.folder = self.work / f"reference_{scenario.name}"
                shutil.rmtree(scenario.folder, ignore_errors=True)
                began = time.monotonic()
                ended = self.run(scenario, scenario.folder)
                if ended.code != 0:
                    raise RuntimeError(f"the run without a kill ended with {ended.code}: {ended.error}")
                scenario.seconds, scenario.calls = time.monotonic() - began, ended.calls

    def __call__(self, count):
        with Clock(self.row):
            self.prepare()
            with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
                list(pool.map(self.point, range(count)))
        if self.left:
            self.row.notes.append(f"{len(self.left)} runs left something that nobody needs, such as {self.left[0]}")
        return self.row

    def point(self, number):
        """One point: kills, the same command again, and what is wrong then."""
        chance = random.Random(f"{self.seed} {number}")
        scenario = self.scenarios[(0, 0, 1, 0, 2)[number % 5]]
        kind = ("save", "between", "save", "interrupted", "save", "evaluation", "save", "repeated", "save", "moment")[number % 10]
        folder = self.work / f"point_{number}"
        shutil.rmtree(folder, ignore_errors=True)
        story = []
        try:
            self.reference(scenario)
            wrong = getattr(self, kind)(scenario, folder, chance, story)
            if not wrong:
                wrong = self.go_on(scenario, folder)
        except Exception as failure:  # of the campaign itself, which must not look like a point that went well
            wrong = ("crashed", f"the campaign failed: {failure!r}")
        with self.lock:
            self.row.tried += 1
            if wrong:
                self.row.found(wrong[0], f"point {number}, {kind} of {scenario.name}, {'; '.join(story)}: {wrong[1]} ({folder})")
            else:
                shutil.rmtree(folder, ignore_errors=True)
                folder.with_suffix(".log").unlink(missing_ok=True)

    def killed(self, scenario, folder, points, story, **how):
        """Runs with these points and looks at what the kill left. None, or what is wrong."""
        before = saved_step(folder)
        ended = self.run(scenario, folder, points, **how)
        numbers = [int(point.split(":")[0]) for point in points.split(",") if point]
        story.append(points and ", ".join(f"{point} {call_name(ended.calls, number, folder)}"
                                          for point, number in zip(points.split(","), numbers)) or f"after {how['after']:.2f} s")
        if ended.hung:
            return "hung", f"still running after {LIMIT} s"
        # A point that was not reached leaves a run that has ended by itself.
        if ended.code not in (0, -9, 130):
            return "crashed", f"ended with {ended.code}: {ended.error[-300:]}"
        if how.get("watch"):
            return self.look(folder, before)
        certain = ended.calls if ended.code != -9 or points.endswith(":after") else ended.calls[:-1]
        steps = [int(found[1]) for _, call, path in certain if call.startswith("rename") and (found := STEP.search(path))]
        return self.look(folder, max([before, *steps]))

    def look(self, folder, least):
        """What a kill left: the newest checkpoint is not older than the last finished save, and no link leads nowhere."""
        if saved_step(folder) < least:
            return "lost", f"step {least} had been saved, the newest checkpoint is of step {saved_step(folder)}"
        for name in ("last", "best"):
            link = folder / "checkpoints" / name
            if link.is_symlink() and not (link / "state.json").exists():
                return "lost", f"checkpoints/{name} leads to {os.readlink(link)}, which is no whole checkpoint"
        return None

    def go_on(self, scenario, folder):
        """Runs the same command again, to its end. None, or what is wrong with the run that it leaves."""
        least = saved_step(folder)
        ended = self.run(scenario, folder)
        if ended.hung:
            return "hung", f"gone on with, still running after {LIMIT} s"
        if ended.code != 0:
            return "crashed", f"gone on with, ended with {ended.code}: {ended.error[-300:]}"
        # A run that starts anew ends with the same bits; only its saves tell that work was done twice.
        again = [int(found[1]) for _, call, path in ended.calls if call.startswith("rename") and (found := STEP.search(path))]
        if again and min(again) <= least:
            return "lost", f"had a checkpoint of step {least}, and saved step {min(again)} again"
        differences = compare(scenario.folder, folder)
        left = {path.name for path in folder.rglob("*") if ".part" in path.name}
        left |= {path.name for path in (folder / "checkpoints").iterdir()} - {path.name for path in
                                                                            (scenario.folder / "checkpoints").iterdir()}
        if left:
            with self.lock:
                self.left.append(f"{scenario.name}: {', '.join(sorted(left))}")
        return ("lost", "; ".join(differences)) if differences else None

    def save(self, scenario, folder, chance, story):
        return self.killed(scenario, folder, one_of(scenario.calls, chance, in_a_save), story)

    def between(self, scenario, folder, chance, story):
        return self.killed(scenario, folder, one_of(scenario.calls, chance, lambda path: not in_a_save(path)), story)

    def evaluation(self, scenario, folder, chance, story):
        videos = 3 * sum(1 for _ in scenario.validation.iterdir())
        return self.killed(scenario, folder, f"{chance.randint(1, videos)}:before", story, watch=scenario.validation)

    def moment(self, scenario, folder, chance, story):
        return self.killed(scenario, folder, "", story, after=chance.uniform(0, scenario.seconds))

    def interrupted(self, scenario, folder, chance, story):
        stop = f"{chance.choice([n for n, _, path in scenario.calls if in_a_save(path)])}:term"
        # Once to see which calls follow it.
        ended = self.run(scenario, folder, stop)
        if ended.hung or ended.code not in (0, 130):
            return "hung" if ended.hung else "crashed", f"{stop}: ended with {ended.code}: {ended.error[-300:]}"
        wrong = self.go_on(scenario, folder)
        if wrong:
            return wrong[0], f"{stop} alone: {wrong[1]}"
        shutil.rmtree(folder)
        later = [call for call in ended.calls if call[0] > int(stop.split(":")[0])]
        return self.killed(scenario, folder, f"{stop},{one_of(later, chance, in_a_save)}" if later else stop, story)

    def repeated(self, scenario, folder, chance, story):
        for _ in range(chance.randint(2, 4)):
            wrong = self.killed(scenario, folder, one_of(scenario.calls, chance, lambda path: True), story)
            if wrong:
                return wrong
        return None


STEP = re.compile(r"/checkpoints/step_(\d+)$")


def in_a_save(path):
    return "/checkpoints" in path


def read_calls(log):
    lines = (line.split(" ") for line in log.read_text().splitlines()) if log.exists() else ()
    return [(int(words[0]), words[1], words[-1]) for words in lines]


def one_of(calls, chance, wanted):
    """A point among the wanted calls. Calls of one kind on one kind of file are one group, so that the few renames are hit as
    often as the many writes."""
    groups = collections.defaultdict(list)
    for number, call, path in calls:
        if wanted(path):
            groups[call, re.sub(r"\d+", "", Path(path).name)].append(number)
    key = chance.choice(sorted(groups))
    return f"{chance.choice(groups[key])}:{chance.choice(['before', 'after', 'half'] if key[0] == 'write' else ['before', 'after'])}"


def call_name(calls, number, folder):
    for at, call, path in calls:
        if at == number:
            return f"{call} {path.removeprefix(str(folder) + '/')}"
    return "(not reached)"


def saved_step(folder):
    """The newest whole checkpoint, as a reader of the documentation would look for it; 0: none."""
    steps = [int(path.parent.name[5:]) for path in folder.glob("checkpoints/step_*/state.json") if path.parent.name[5:].isdigit()]
    return max(steps, default=0)


def lines_of(file):
    if not file.exists():
        return None
    return [{key: value for key, value in json.loads(line).items() if key not in TIMINGS} for line in file.read_text().splitlines()]


def compare(expected, got):
    """What differs between two runs that should be the same, timings aside."""
    differences = []
    for name in ("train.jsonl", "metrics.jsonl", "bad_videos.jsonl"):
        a, b = lines_of(expected / name), lines_of(got / name)
        if a != b:
            differences.append(f"{name} differs: {len(a or [])} lines expected, {len(b or [])} found")
    for name in ("config.resolved.yaml", "labels.json"):
        if (expected / name).read_bytes() != (got / name).read_bytes():
            differences.append(f"{name} differs")
    folders = sorted(path.name for path in (expected / "checkpoints").iterdir())
    for name in folders:
        a, b = expected / "checkpoints" / name, got / "checkpoints" / name
        if not (b / "state.json").exists():
            differences.append(f"checkpoints/{name} is missing")
            continue
        if a.resolve().name != b.resolve().name:
            differences.append(f"checkpoints/{name} leads to {b.resolve().name} instead of {a.resolve().name}")
            continue
        for file in ("model.safetensors", "optimizer.safetensors"):
            if (a / file).read_bytes() != (b / file).read_bytes():
                differences.append(f"checkpoints/{name}/{file} has other bits")
        if lines_of_state(a) != lines_of_state(b):
            differences.append(f"checkpoints/{name}/state.json differs")
    return differences


def lines_of_state(checkpoint):
    state = json.loads((checkpoint / "state.json").read_text())
    return {key: value for key, value in state.items() if key not in TIMINGS}
