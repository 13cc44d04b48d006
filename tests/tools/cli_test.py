#!/usr/bin/env python3
"""Runs the trecvit program as a user would and looks at exit codes, standard output and the one sentence of an error.

Usage: cli_test.py --program build/trecvit GROUP   (a method prefix: usage config datasets videos inspect model)
"""
import argparse
import ast
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM = None
SYNTH = ["--train", "12", "--validation", "12", "--width", "48", "--height", "32",
         "--min-frames", "6", "--max-frames", "9", "--quiet"]


def trecvit(*words, stdin=None, cwd=None):
    return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, input=stdin, cwd=cwd, timeout=240)


class Base(unittest.TestCase):
    folder = None

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="trecvit_cli_"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def ok(self, *words, **how):
        done = trecvit(*words, **how)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def fails(self, code, *words, says=(), **how):
        """Ends with `code`, nothing on standard output, and one line of error that holds every text of `says`."""
        done = trecvit(*words, **how)
        error = done.stderr.decode()
        self.assertEqual(done.returncode, code, error)
        self.assertEqual(done.stdout, b"")
        lines = [line for line in error.splitlines() if line]
        self.assertEqual(len(lines), 1, error)
        self.assertTrue(lines[0].startswith("trecvit: error: "), error)
        for text in says:
            self.assertIn(text, lines[0])

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def synth(self, name, layout="ssv2"):
        root = self.folder / name
        self.ok("dataset", "synth", "--out", root, "--format", layout, *SYNTH)
        return root


class Usage(Base):
    def test_version_and_help(self):
        self.assertRegex(self.ok("--version"), r"^trecvit \d+\.\d+\.\d+ \(.+\)\n$")
        shown = self.ok("--help")
        for verb in ("train", "pretrain", "eval", "predict", "stream", "dataset", "inspect", "config", "doctor"):
            self.assertIn(verb, shown)
        self.assertIn("INT=2400", self.ok("dataset", "synth", "-h"))

    def test_unknown_verb(self):
        self.fails(2, "datasett", says=["'datasett'", "did you mean 'dataset'"])
        self.fails(2, "inspect", "vidoe", "x", says=["did you mean 'video'"])
        self.fails(2, says=["needs a verb"])
        self.fails(2, "config", says=["needs a verb"])

    def test_unknown_option(self):
        self.fails(2, "dataset", "synth", "--out", "x", "--trian", "3", says=["--trian", "did you mean --train"])
        self.fails(2, "dataset", "synth", "--oot=x", says=["--oot", "did you mean --out"])

    def test_missing_and_mistyped_values(self):
        self.fails(2, "dataset", "synth", says=["--out"])
        self.fails(2, "dataset", "synth", "--out", "x", "--train", "many", says=["--train", "many"])
        self.fails(2, "dataset", "synth", "--out", self.folder / "odd", "--width", "47", says=["width", "47"])

    def test_double_dash_ends_options(self):
        self.fails(1, "inspect", "video", "--", "--json", says=["--json", "does not exist"])

    def test_closed_pipe_is_quiet(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([PROGRAM, "config", "show"], stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_full_disk_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "config", "show"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output", done.stderr)

    def test_golden_that_is_none(self):
        self.fails(1, "doctor", "--golden", self.folder / "none.npz", "--device", "cpu", says=["none.npz"])
        self.fails(1, "doctor", "--golden", self.write("words.npz", "words"), "--device", "cpu", says=["words.npz"])

    def test_doctor(self):
        report = json.loads(self.ok("doctor", "--json"))
        self.assertTrue(all(test["passed"] for test in report["self_tests"]))
        self.assertEqual({t["op"] for t in report["self_tests"]}, {"rg_lru", "causal_conv1d"})
        self.assertTrue(report["codecs"]["vp9"]["decoder"] and report["codecs"]["h264"]["decoder"])


class Config(Base):
    def test_show_is_yaml_that_validates(self):
        shown = self.write("shown.yaml", self.ok("config", "show", "--set", "train.lr=0.002"))
        self.assertIn("[--set]", shown.read_text())
        self.assertEqual(self.ok("config", "validate", shown), f"{shown}: valid\n")
        again = json.loads(self.ok("config", "show", "-c", shown, "--json"))
        self.assertEqual(again["config"]["train"]["lr"], 0.002)
        self.assertTrue(again["origins"]["train.lr"].startswith("shown.yaml:"))

    def test_precedence(self):
        a = self.write("a.yaml", "seed: 1\ntrain: {lr: 0.1, epochs: 3}\n")
        b = self.write("b.yaml", "train: {lr: 0.2}\n")
        shown = json.loads(self.ok("config", "show", "-c", a, "-c", b, "--set", "train.epochs=5", "--seed", "7", "--json"))
        self.assertEqual((shown["config"]["seed"], shown["config"]["train"]["lr"], shown["config"]["train"]["epochs"]),
                         (7, 0.2, 5))
        self.assertEqual([shown["origins"][key] for key in ("seed", "train.lr", "train.epochs", "data.size")],
                         ["--seed", "b.yaml:1", "--set", "default"])

    def test_unknown_key(self):
        self.fails(2, "config", "show", "--set", "train.lrr=1", says=["train.lrr", "did you mean 'train.lr'"])
        bad = self.write("bad.yaml", "seed: 1\ntrian:\n  lr: 1\n")
        self.fails(2, "config", "validate", bad, says=["bad.yaml:3", "'trian.lr'", "did you mean 'train.lr'"])

    def test_wrong_type(self):
        self.fails(2, "config", "show", "--set", "train.lr=fast", says=["train.lr", "a number", "fast"])
        self.fails(2, "config", "show", "--set", "train.epochs=1.5", says=["train.epochs", "a whole number"])
        self.fails(2, "config", "show", "--seed", "x", says=["seed", "a whole number"])

    def test_values_that_do_not_fit(self):
        self.fails(2, "config", "show", "--set", "data.size=100", says=["100", "model.patch"])
        self.fails(2, "config", "show", "--set", "train.lr=-1", says=["train.lr", "-1"])
        self.fails(2, "config", "show", "--set", "train.lr", says=["key=value"])

    def test_files_that_are_none(self):
        self.fails(1, "config", "show", "-c", self.folder / "none.yaml", says=["none.yaml"])
        self.fails(2, "config", "validate", self.write("broken.yaml", "train: {lr: 1\n"), says=["broken.yaml"])

    def test_diff(self):
        a, b = self.write("one.yaml", "seed: 1\n"), self.write("two.yaml", "seed: 2\n")
        self.assertEqual(json.loads(self.ok("config", "diff", a, b, "--json")), {"seed": ["1", "2"]})
        self.assertIn("the same", self.ok("config", "diff", a, a))


class Datasets(Base):
    def test_synth_check_list(self):
        for layout, codec in (("ssv2", ".webm"), ("kinetics", ".mp4")):
            root = self.folder / layout
            made = json.loads(self.ok("dataset", "synth", "--out", root, "--format", layout, *SYNTH, "--json"))
            self.assertEqual((made["written"], made["kept"]), (24, 0))
            self.assertEqual(json.loads(self.ok("dataset", "synth", "--out", root, "--format", layout, *SYNTH, "--json"))["kept"], 24)
            report = json.loads(self.ok("dataset", "check", "--data", root, "--full", "--json"))
            self.assertEqual([s["usable"] for s in report["splits"]], [12, 12])
            self.assertEqual({s["format"] for s in report["splits"]}, {layout})
            lines = [json.loads(line) for line in self.ok("dataset", "list", "--data", root, "--split", "train", "--json").splitlines()]
            self.assertEqual(len({line["id"] for line in lines}), 12)
            self.assertTrue(all(line["path"].endswith(codec) and Path(line["path"]).exists() for line in lines))
            self.assertEqual(self.ok("dataset", "list", "--data", root, "--limit", "3").count("\n"), 4)

    def test_no_such_folder(self):
        self.fails(1, "dataset", "check", "--data", self.folder / "nowhere", says=["nowhere", "does not exist"])
        self.fails(2, "dataset", "check", says=["data.root"])

    def test_empty_folder(self):
        (self.folder / "void").mkdir()
        self.fails(1, "dataset", "list", "--data", self.folder / "void", says=["void", "empty"])

    def test_json_that_is_not(self):
        root = self.synth("not_json")
        broken = next(root.rglob("*train*.json"))
        broken.write_text("[{\n\"id\": oops\n")
        self.fails(1, "dataset", "check", "--data", root, says=[broken.name])

    def test_label_that_the_list_lacks(self):
        root = self.synth("labels")
        annotations = next(root.rglob("*train*.json"))
        entries = json.loads(annotations.read_text())
        entries[0]["template"] = "Juggling [something] blindfolded"
        annotations.write_text(json.dumps(entries))
        self.fails(1, "dataset", "list", "--data", root, "--split", "train", says=["Juggling", str(entries[0]["id"])])

    def test_bad_videos(self):
        root = self.synth("bad")
        videos = sorted(root.rglob("*.webm"))
        videos[0].write_bytes(b"")
        videos[1].write_text("these are words, not a film\n" * 20)
        videos[2].write_bytes(videos[2].read_bytes()[:200])
        videos[3].unlink()
        done = trecvit("dataset", "check", "--data", root, "--full", "--json")
        self.assertEqual(done.returncode, 1)
        report = json.loads(done.stdout)
        kinds = {p["id"]: p["kind"] for split in report["splits"] for p in split["problems"]}
        self.assertEqual(kinds[videos[0].stem], "empty")
        self.assertEqual(kinds[videos[1].stem], "unreadable")
        self.assertIn(kinds[videos[2].stem], ("unreadable", "damaged"))
        self.assertEqual(kinds[videos[3].stem], "missing")
        self.assertEqual(len(kinds), 4)
        self.assertEqual(len(done.stderr.decode().strip().splitlines()), 1)


    def test_bad_list_and_min_frames(self):
        root, listing = self.synth("listed"), self.folder / "bad.tsv"
        videos = sorted(root.rglob("*.webm"))
        videos[0].unlink()
        shutil.copy(videos[1], videos[2])
        done = trecvit("dataset", "check", "--data", root, "--full", "--bad-list", listing)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"2 problems in 24 videos", done.stderr)
        lines = [line.split("\t") for line in listing.read_text().splitlines()]
        self.assertEqual(sorted(line[2] for line in lines), sorted(["missing", lines[-1][2]]))
        self.assertIn(lines[-1][2], ("duplicate", "shared"))
        self.assertTrue(all(len(line) == 5 for line in lines))
        done = trecvit("dataset", "check", "--data", root, "--full", "--min-frames", "1000")
        self.assertIn(b"fewer than 1000", done.stdout)

    def test_stats(self):
        root, out = self.synth("measured"), self.folder / "pictures"
        told = json.loads(self.ok("dataset", "stats", "--data", root, "--out", out, "--json"))
        train = told["splits"][0]
        self.assertEqual((train["split"], train["videos"], train["readable"], train["codecs"]), ("train", 12, 12, {"vp9": 12}))
        self.assertEqual(train["sizes"], {"48x32": 12})
        self.assertEqual((train["smallest_class"], train["largest_class"], train["balance"]), (1, 1, 1))
        self.assertEqual(train["fps"]["median"], 12)
        self.assertGreaterEqual(train["frames"]["min"], 6)
        self.assertEqual(train["frames"]["sum"], json.loads(self.ok("dataset", "check", "--data", root, "--full", "--json"))["splits"][0]["frames"])
        for name in ("durations", "frames", "rates", "sizes", "classes"):
            picture = (out / f"train_{name}.png").read_bytes()
            self.assertEqual(struct.unpack(">II", picture[16:24]), (720, 400))
        self.assertIn("short side", self.ok("dataset", "stats", "--data", root))

    def test_bench_data(self):
        root = self.synth("timed")
        words = ("bench", "data", "--data", root, "--batch", "4", "--batches", "3", "--set", "data.size=32", "--set", "data.frames=4")
        told = json.loads(self.ok(*words, "--format", "json", "--step-ms", "300"))
        rows = {row["name"]: row["value"] for row in told}
        self.assertEqual(set(rows), {"frames_per_s_per_core", "stage_open", "stage_decode", "stage_convert", "stage_augment",
                                     "decoded_per_kept", "frames_per_s", "wait", "loader_memory"})
        self.assertGreater(rows["frames_per_s_per_core"], 0)
        self.assertGreater(rows["stage_decode"], 0)
        self.assertIn(" % of the time", next(row["verdict"] for row in told if row["name"] == "wait"))
        self.assertTrue(all({"unit", "p50", "p90", "p99", "peak_bytes", "device", "commit"} <= set(row) for row in told))
        self.assertIn("frames/s", self.ok(*words))
        self.fails(2, *words, "--format", "xml", says=["xml", "table or json"])


class Videos(Base):
    def test_files_that_are_no_videos(self):
        root = self.synth("set")
        whole = next(root.rglob("*.webm"))
        self.fails(1, "inspect", "video", self.write("zero.webm", b""), says=["zero.webm", "empty"])
        self.fails(1, "inspect", "video", self.write("words.webm", "words\n" * 50), says=["words.webm"])
        self.fails(1, "inspect", "video", self.write("head.webm", whole.read_bytes()[:100]), says=["head.webm"])
        self.fails(1, "inspect", "video", self.folder, says=[str(self.folder)])
        self.fails(1, "inspect", "video", self.folder / "none.mp4", says=["none.mp4", "does not exist"])

    def test_cut_video_ends_in_frames_or_one_error(self):
        whole = next(self.synth("cut_set", "kinetics").rglob("*.mp4"))
        cut = self.write("cut.mp4", whole.read_bytes()[:whole.stat().st_size * 2 // 3])
        done = trecvit("inspect", "video", cut, "--json")
        self.assertIn(done.returncode, (0, 1))
        self.assertEqual(len(done.stderr.decode().splitlines()), done.returncode)

    def test_pixels(self):
        video = next(self.synth("pixels").rglob("*.webm"))
        out = self.folder / "x.npy"
        line = json.loads(self.ok("inspect", "video", video, "--clip", "dense:4x2", "--size", "32", "--out", out, "--json"))
        self.assertEqual(line["shape"], [4, 32, 32, 3])
        self.assertEqual(self.npy(out), ((4, 32, 32, 3), 4 * 32 * 32 * 3))
        self.ok("inspect", "video", video, "--frames", "0,5,2", "--out", out)
        self.assertEqual(self.npy(out), ((3, 32, 48, 3), 3 * 32 * 48 * 3))
        sheet = self.folder / "x.png"
        self.ok("inspect", "video", video, "--clip", "uniform:5", "--size", "16", "--out", sheet)
        self.assertEqual(struct.unpack(">II", sheet.read_bytes()[16:24]), (48, 32))

    def test_a_clip_of_training(self):
        video = next(self.synth("changed").rglob("*.webm"))
        def clip(*words):
            out = self.folder / "clip.npy"
            self.ok("inspect", "video", video, "--clip", "dense:4x1", "--size", "32", "--out", out, *words)
            return out.read_bytes()
        plain, changed = clip(), clip("--augment", "--set", "augment.rand_augment=4", "--seed", "3")
        self.assertNotEqual(plain, changed)
        self.assertEqual(changed, clip("--augment", "--set", "augment.rand_augment=4", "--seed", "3"))
        self.assertNotEqual(changed, clip("--augment", "--set", "augment.rand_augment=4", "--seed", "4"))
        self.assertEqual(plain, clip("--fps", "12"))
        self.assertNotEqual(plain, clip("--fps", "3"))
        self.fails(2, "inspect", "video", video, "--augment", says=["--clip"])

    def npy(self, path):
        content = path.read_bytes()
        length = struct.unpack("<H", content[8:10])[0]
        header = ast.literal_eval(content[10:10 + length].decode())
        self.assertEqual(header["descr"], "|u1")
        return header["shape"], len(content) - 10 - length

    def test_wrong_requests(self):
        video = next(self.synth("wrong").rglob("*.webm"))
        self.fails(2, "inspect", "video", video, "--clip", "sparse:4", "--out", "x.npy", says=["sparse:4", "uniform:16"])
        self.fails(2, "inspect", "video", video, "--clip", "dense:4x2", says=["--out"])
        self.fails(2, "inspect", "video", video, "--clip", "dense:4x2", "--out", "x.bmp", says=[".npy"])
        self.fails(1, "inspect", "video", video, "--frames", "0,99", "--out", self.folder / "y.npy", says=["99"])
        self.assertFalse((self.folder / "y.npy").exists())


class Inspect(Base):
    def test_agrees_with_ffprobe(self):
        if not shutil.which("ffprobe"):
            print("SKIPPED: ffprobe is not installed")
            self.skipTest("ffprobe is not installed")
        videos = sorted(self.synth("vp9").rglob("*.webm"))[:4] + sorted(self.synth("h264", "kinetics").rglob("*.mp4"))[:4]
        extra = Path(__file__).resolve().parents[3] / "shared" / "video" / "petting_cat_224.mp4"
        for video in videos + [extra] * extra.exists():
            told = subprocess.run(
                ["ffprobe", "-v", "error", "-select_streams", "v:0", "-count_frames", "-show_entries",
                 "stream=codec_name,width,height,pix_fmt,nb_read_frames,avg_frame_rate:format=duration", "-of", "json", video],
                capture_output=True, check=True)
            probe = json.loads(told.stdout)
            stream = probe["streams"][0]
            ours = json.loads(self.ok("inspect", "video", video, "--json"))
            self.assertEqual([ours[key] for key in ("codec", "width", "height", "pix_fmt", "frames")],
                             [stream["codec_name"], stream["width"], stream["height"], stream["pix_fmt"],
                              int(stream["nb_read_frames"])], video)
            over, under = map(int, stream["avg_frame_rate"].split("/"))
            self.assertAlmostEqual(ours["fps"], over / under, places=3, msg=str(video))
            self.assertAlmostEqual(ours["duration_s"], float(probe["format"]["duration"]), delta=0.06, msg=str(video))


class Model(Base):
    """A model of a few thousand parameters, trained for two steps, through every verb that takes one."""

    TINY = ["--set", "model.width=16", "--set", "model.depth=1", "--set", "model.heads=2", "--set", "model.mlp_width=32",
            "--set", "model.lru_width=16", "--set", "model.head_width=16", "--set", "data.size=32", "--set", "data.frames=4",
            "--set", "train.global_batch=4", "--device", "cpu", "--workers", "0"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.data = cls.folder / "data"
        trecvit("dataset", "synth", "--out", cls.data, *SYNTH)
        cls.run_dir = cls.folder / "run"
        cls.trained = trecvit("train", "--data", cls.data, "--run-dir", cls.run_dir, "--max-steps", "2", *cls.TINY, "--json")
        cls.model = cls.run_dir / "checkpoints" / "last"
        cls.video = next(cls.data.rglob("*.webm"))

    def test_train(self):
        self.assertEqual(self.trained.returncode, 0, self.trained.stderr.decode())
        result = json.loads(self.trained.stdout)
        self.assertEqual((result["steps"], result["interrupted"]), (2, False))
        lines = [json.loads(line) for line in (self.run_dir / "train.jsonl").read_text().splitlines()]
        self.assertEqual([line["step"] for line in lines], [1, 2])
        self.assertTrue(self.model.is_dir())

    def test_old_checkpoints_go(self):
        run = self.folder / "kept"
        self.ok("train", "--data", self.data, "--run-dir", run, "--max-steps", "5", *self.TINY, "--set", "checkpoint.every_steps=1",
                "--set", "checkpoint.keep=2", "--set", "eval.every_epochs=0")
        steps = {int(folder.name[5:]) for folder in (run / "checkpoints").glob("step_*")}
        self.assertTrue({4, 5} <= steps and len(steps) <= 3, steps)

    def test_dry_run_keeps_nothing(self):
        run = self.folder / "dry"
        result = json.loads(self.ok("train", "--data", self.data, "--run-dir", run, *self.TINY, "--dry-run", "--json"))
        self.assertEqual(result["steps"], 1)
        self.assertGreater(result["peak_bytes"], 0)
        self.assertFalse(run.exists())

    def test_interrupt_saves_and_resumes(self):
        run = self.folder / "stopped"
        words = ["train", "--data", self.data, "--run-dir", run, *self.TINY, "--json"]
        running = subprocess.Popen([PROGRAM, *map(str, words), "--max-steps", "100000", "--set", "train.epochs=1"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        log, deadline = run / "train.jsonl", time.monotonic() + 60
        while time.monotonic() < deadline and not (log.exists() and log.stat().st_size):
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        out, error = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130, error.decode())
        self.assertIn(b"--resume auto", error)
        done = json.loads(out)["steps"]
        again = json.loads(self.ok(*words, "--max-steps", done + 2))
        self.assertEqual((again["steps"], again["interrupted"]), (done + 2, False))
        steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
        self.assertEqual(steps, list(range(1, done + 3)))  # no step twice, none left out

    def test_pretrain(self):
        run = self.folder / "mae"
        small = [word for name in ("width=16", "depth=1", "heads=2", "mlp_width=32", "lru_width=16") for word in ("--set", "mae." + name)]
        self.ok("pretrain", "--data", self.data, "--run-dir", run, "--max-steps", "1", *self.TINY, *small)
        self.assertIn("objective: mae", (run / "config.resolved.yaml").read_text())
        self.assertTrue(list((run / "reconstructions").glob("*.png")))

    def test_inspect(self):
        told = json.loads(self.ok("inspect", "model", self.model, "--json"))
        self.assertEqual([told[key] for key in ("width", "depth", "heads", "lru_width", "classes")], [16, 1, 2, 16, 12])
        self.assertEqual(told["state_bytes"], 1 * (4 + 1) * 4 * 16 * 4)

    def test_eval_and_offline_score(self):
        out = self.folder / "eval"
        summary = json.loads(self.ok("eval", "-m", self.model, "--data", self.data, "--device", "cpu", "--out", out, "--check-parity", "--json"))
        self.assertEqual((summary["n"], summary["missing"]), (12, 0))
        self.assertLessEqual(summary["max_p_difference"], 1e-4)
        again = json.loads(self.ok("eval", "score", out / "predictions.jsonl", "--json"))
        for key in ("top1", "top5", "mean_class", "n"):
            self.assertEqual(again[key], summary[key], key)
        gated = trecvit("eval", "-m", self.model, "--data", self.data, "--device", "cpu", "--fail-under", "1", "--json")
        self.assertEqual(gated.returncode, 3, gated.stderr.decode())
        json.loads(gated.stdout)

    def test_classes_match_by_name(self):
        other = self.folder / "other"
        shutil.copytree(self.data, other)
        names = next(other.rglob("*labels.json"))
        swapped = json.loads(names.read_text())
        a, b = list(swapped)[:2]
        swapped[a], swapped[b] = swapped[b], swapped[a]
        names.write_text(json.dumps(swapped))
        words = ("-m", self.model, "--device", "cpu", "--json")
        self.assertEqual(self.ok("eval", "--data", other, *words), self.ok("eval", "--data", self.data, *words))
        for file in other.rglob("*.json"):
            file.write_text(file.read_text().replace(a, "Juggling knives").replace(a.replace("something", "[something]"), "Juggling knives"))
        self.fails(1, "eval", "--data", other, *words, says=["Juggling knives", "--match index"])
        self.ok("eval", "--data", other, "--match", "index", *words)
        self.fails(2, "eval", "--data", other, "--match", "luck", *words, says=["luck", "name or index"])

    def test_predict_equals_the_end_of_stream(self):
        told = json.loads(self.ok("predict", self.video, "-m", self.model, "--device", "cpu", "--format", "jsonl"))
        lines = [json.loads(line) for line in self.ok("stream", self.video, "-m", self.model, "--device", "cpu", "--jsonl", "-").splitlines()]
        self.assertEqual(lines[-2]["smoothed"], told["topk"])
        self.assertTrue(lines[-1]["summary"])
        self.assertEqual(lines[-1]["frames"], len(lines) - 1)
        self.assertEqual(lines[0]["event"], "label")

    def test_stream_of_raw_pixels(self):
        picture = bytes(range(256)) * (48 * 32 * 3 // 256)
        out = self.ok("stream", "-", "--raw", "48x32@10:rgb24", "-m", self.model, "--device", "cpu", "--stride", "1", "--reset", "0.2",
                      "--json", stdin=picture * 5)
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([line["frame"] for line in lines[:-1]], [0, 1, 2, 3, 4])
        self.assertEqual([line["event"] for line in lines[:-1]], ["label", None, "reset", None, "reset"])
        self.assertEqual(lines[0]["smoothed"], lines[2]["smoothed"])  # after a reset nothing was ever seen
        done = trecvit("stream", "-", "--raw", "48x32@10:rgb24", "-m", self.model, "--device", "cpu", stdin=picture[:100])
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"inside picture 0", done.stderr)

    def test_stream_of_encoded_standard_input(self):
        lines = self.ok("stream", "-", "-m", self.model, "--device", "cpu", "--json", stdin=self.video.read_bytes()).splitlines()
        told = json.loads(self.ok("predict", self.video, "-m", self.model, "--device", "cpu", "--format", "jsonl"))
        self.assertEqual(json.loads(lines[-2])["smoothed"], told["topk"])

    def test_latest_counts_every_frame(self):
        lines = [json.loads(line) for line in self.ok("stream", self.video, "-m", self.model, "--device", "cpu", "--stride", "1",
                                                      "--policy", "latest", "--queue", "1", "--json").splitlines()]
        frames = json.loads(self.ok("inspect", "video", self.video, "--json"))["frames"]
        self.assertEqual(lines[-1]["frames"] + lines[-1]["dropped"], frames)

    def test_bad_sources(self):
        bad = self.write("bad.webm", "words")
        done = trecvit("predict", bad, self.video, "-m", self.model, "--device", "cpu", "--format", "csv")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stdout.splitlines()), 1 + 5)
        self.assertIn(b"1 of 2", done.stderr)
        self.fails(1, "predict", self.folder / "*.nothing", "-m", self.model, says=["nothing matches"])
        self.fails(2, "predict", self.video, says=["--model"])
        self.fails(1, "predict", self.video, "-m", self.folder / "no.safetensors", says=["no.safetensors"])
        self.fails(2, "predict", self.video, "-m", self.model, "--device", "tpu", says=["tpu"])


def main():
    global PROGRAM
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("group")
    given = parser.parse_args()
    PROGRAM = os.path.abspath(given.program)
    if not os.path.exists(PROGRAM):
        print(f"SKIPPED: {PROGRAM} is not built")
        return 0
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(globals()[given.group.capitalize()])
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
