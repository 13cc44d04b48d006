#!/usr/bin/env python3
"""One small model through every verb that takes one. Usage: model_test.py --program build/trecvit"""
import functools
import http.server
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import cli


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Model(cli.Cli):
    """A model of a few thousand parameters, trained for two steps, through every verb that takes one."""

    TINY = ["--set", "model.width=16", "--set", "model.depth=1", "--set", "model.heads=2", "--set", "model.mlp_width=32",
            "--set", "model.lru_width=16", "--set", "model.head_width=16", "--set", "data.size=32", "--set", "data.frames=4",
            "--set", "train.global_batch=4", "--device", "cpu", "--workers", "0"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.data = cls.folder / "data"
        cli.trecvit("dataset", "synth", "--out", cls.data, *cli.SYNTH)
        cls.run_dir = cls.folder / "run"
        cls.trained = cli.trecvit("train", "--data", cls.data, "--run-dir", cls.run_dir, "--max-steps", "2", *cls.TINY, "--json")
        cls.model = cls.run_dir / "checkpoints" / "last"
        cls.video = next(cls.data.rglob("*.webm"))

    def test_train(self):
        self.assertEqual(self.trained.returncode, 0, self.trained.stderr.decode())
        result = json.loads(self.trained.stdout)
        self.assertEqual((result["steps"], result["interrupted"], result["gpu_busy"]), (2, False, None))
        self.assertTrue(0 <= result["data_wait"] <= 1)
        lines = [json.loads(line) for line in (self.run_dir / "train.jsonl").read_text().splitlines()]
        self.assertEqual([line["step"] for line in lines], [1, 2])
        self.assertTrue(self.model.is_dir())

    def test_bf16_against_fp32(self):
        out = self.folder / "precision.json"
        root = Path(__file__).resolve().parents[2]
        told = subprocess.run([sys.executable, root / "tools" / "bench" / "compare_precision.py", "--program", cli.PROGRAM, "--data", self.data,
                               "--config", root / "configs" / "tiny.yaml", "--device", "cpu", "--steps", "4", "--window", "2",
                               "--jobs", "2", "--json", out], capture_output=True, text=True, timeout=240)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("bf16 against rounded", told.stdout)
        (result,) = json.loads(out.read_text())
        self.assertEqual(len(result["loss"]), 2)
        for name, most in (("nudged against fp32", 0.1), ("rounded against fp32", 2), ("bf16 against fp32", 2)):
            self.assertLess(max(map(abs, result[name])), most, name)
        self.assertGreater(max(map(abs, result["rounded against fp32"])), 0)

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
        running = subprocess.Popen([cli.PROGRAM, *map(str, words), "--max-steps", "100000", "--set", "train.epochs=1"],
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

    def test_a_killed_run_goes_on_bit_for_bit(self):
        words = ["train", "--data", self.data, *self.TINY, "--max-steps", "60", "--set", "checkpoint.every_steps=2",
                 "--set", "log.every_steps=1", "--set", "eval.every_epochs=0"]
        whole, killed = self.folder / "whole", self.folder / "killed"
        self.ok(*words, "--run-dir", whole)
        running = subprocess.Popen([cli.PROGRAM, *map(str, words), "--run-dir", str(killed)], stderr=subprocess.DEVNULL)
        log, deadline = killed / "train.jsonl", time.monotonic() + 60
        while time.monotonic() < deadline and not (log.exists() and log.read_bytes().count(b"\n") >= 8):
            time.sleep(0.005)
        running.kill()
        self.assertEqual(running.wait(), -signal.SIGKILL)
        self.ok(*words, "--run-dir", killed)
        curves = [[(line["step"], line["loss"], line["grad_norm"]) for line in map(json.loads, (run / "train.jsonl").read_text().splitlines())]
                  for run in (whole, killed)]
        self.assertEqual(len(curves[0]), 60)
        self.assertEqual(*curves)

    def test_convert_there_and_back(self):
        there, back = self.folder / "official.npz", self.folder / "back.safetensors"
        self.ok("convert", self.model, there)
        self.ok("convert", there, back, "--labels", self.run_dir / "labels.json", "--image", "32x32")
        told = [json.loads(self.ok("predict", self.video, "-m", m, "--format", "jsonl", "--device", "cpu", "--stride", "1"))
                for m in (self.model, back)]
        self.assertEqual(told[0]["topk"], told[1]["topk"])

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
        self.assertEqual((told["image"], told["patches"], told["described"]), ([32, 32], 4, True))
        self.assertIn("32 x 32 in patches of 16\n", self.ok("inspect", "model", self.model))

    def test_inspect_invents_no_picture(self):
        run, bare = self.folder / "six", self.folder / "six.safetensors"
        self.ok("train", "--data", self.data, "--run-dir", run, "--max-steps", "1", *self.TINY)
        content = (run / "checkpoints" / "last" / "model.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        header, data = json.loads(content[8:8 + length]), content[8 + length:]
        del header["__metadata__"]
        # Positions for 6 patches instead of 4, behind all other arrays.
        positions = header.pop("tokenizer/pos_embedding")
        begin, end = positions["data_offsets"]
        for entry in header.values():
            entry["data_offsets"] = [at - (end - begin) * (at > begin) for at in entry["data_offsets"]]
        data = data[:begin] + data[end:] + bytes(6 * 16 * 4)
        header["tokenizer/pos_embedding"] = {"dtype": "F32", "shape": [1, 6, 16], "data_offsets": [len(data) - 6 * 16 * 4, len(data)]}
        told = json.dumps(header).encode()
        bare.write_bytes(struct.pack("<Q", len(told)) + told + data)
        shown = json.loads(self.ok("inspect", "model", bare, "--json"))
        self.assertEqual((shown["image"], shown["patches"], shown["preprocessing"]["size"]), (None, 6, None))
        self.assertIn("6 patches of 16 x 16; the file does not tell how they lie", self.ok("inspect", "model", bare))
        self.fails(1, "predict", self.video, "-m", bare, "--device", "cpu", says=["6 patches", "--image"])

    def test_eval_and_offline_score(self):
        out = self.folder / "eval"
        summary = json.loads(self.ok("eval", "-m", self.model, "--data", self.data, "--device", "cpu", "--out", out, "--check-parity", "--json"))
        self.assertEqual((summary["n"], summary["missing"]), (12, 0))
        self.assertLessEqual(summary["max_p_difference"], 1e-4)
        again = json.loads(self.ok("eval", "score", out / "predictions.jsonl", "--json"))
        for key in ("top1", "top5", "mean_class", "n"):
            self.assertEqual(again[key], summary[key], key)
        gated = cli.trecvit("eval", "-m", self.model, "--data", self.data, "--device", "cpu", "--fail-under", "1", "--json")
        self.assertEqual(gated.returncode, 3, gated.stderr.decode())
        json.loads(gated.stdout)

    def not_a_number(self):
        """The model with a NaN in its classifier's bias."""
        damaged = self.folder / "damaged.safetensors"
        content = bytearray((self.model / "model.safetensors").read_bytes())
        (length,) = struct.unpack("<Q", content[:8])
        begin, _ = json.loads(content[8:8 + length])["decoder/cls_head/bias"]["data_offsets"]
        content[8 + length + begin:8 + length + begin + 4] = struct.pack("<f", float("nan"))
        damaged.write_bytes(content)
        return damaged

    def test_a_model_that_answers_nan_is_an_error_naming_the_video(self):
        damaged = self.not_a_number()
        words = ("-m", damaged, "--device", "cpu")
        for how in ((), ("--fail-under", "0.99"), ("--check-parity",), ("--mode", "stream"), ("--json",)):
            self.fails(1, "eval", "--data", self.data, *words, *how, says=["answer to video ", "not a number"])
        for how in ("table", "jsonl", "csv"):
            done = cli.trecvit("predict", self.video, *words, "--format", how)
            self.assertEqual(done.returncode, 1)
            self.assertNotIn(b"nan", done.stdout)
            self.assertIn(self.video.name.encode(), done.stderr)
        self.fails(1, "stream", self.video, *words, "--json", says=[self.video.name, "frame ", "not a number"])

    def test_saved_predictions_that_are_no_numbers(self):
        good = {"id": "16", "label": 0, "p": [0.75, 0.25]}
        for bad in ("null", "NaN", "1e999"):
            lines = json.dumps(good) + '\n{"id": "17", "label": 0, "p": [%s, 0.5]}\n' % bad
            self.fails(1, "eval", "score", self.write("bad.jsonl", lines), "--fail-under", "0.5", says=["bad.jsonl:2"])
        self.fails(1, "eval", "score", self.write("none.jsonl", ""), says=["none.jsonl", "no prediction"])

    def test_nothing_readable_is_a_failure(self):
        other, out = self.folder / "unreadable", self.folder / "unreadable_eval"
        shutil.copytree(self.data, other)
        for video in other.rglob("*.webm"):
            video.write_text("words")
        for how in ((), ("--json", "--out", out), ("--check-parity",)):
            done = cli.trecvit("eval", "-m", self.model, "--data", other, "--device", "cpu", "--set", "data.max_bad_share=1", *how)
            self.assertEqual((done.returncode, done.stdout), (1, b""), done.stderr.decode())
            self.assertIn("none of the 12 videos", done.stderr.decode().splitlines()[-1])
        self.assertEqual(len((out / "missing.txt").read_text().splitlines()), 12)
        bad = sorted(other.rglob("*.webm"))[:2]
        done = cli.trecvit("predict", *bad, "-m", self.model, "--device", "cpu")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"2 of 2", done.stderr)
        self.fails(1, "stream", bad[0], "-m", self.model, "--device", "cpu", "--json", says=[bad[0].name])

    def test_file_names_need_not_be_utf8(self):
        """Nothing that is written about a video depends on its name being text."""
        odd = os.fsdecode(b"caf\xe9")
        root, run, out = self.folder / "odd", self.folder / "odd_run", self.folder / "odd_eval"
        for split in ("train", "val"):
            for label in (odd, "plain"):
                place = root / split / label
                place.mkdir(parents=True)
                for i in range(4):
                    shutil.copy(self.video, place / f"{odd}{i}.webm")
                (place / f"{odd}_bad.webm").write_text("words")
        self.ok("train", "--data", root, "--run-dir", run, "--max-steps", "2", *self.TINY, "--set", "data.max_bad_share=1")
        bad = [json.loads(line) for line in (run / "bad_videos.jsonl").read_bytes().decode().splitlines()]
        self.assertTrue(bad and all("caf\\xe9" in line["path"] for line in bad), bad)
        model = run / "checkpoints" / "last"
        # The class of that name is found again in the data set.
        self.ok("eval", "-m", model, "--data", root, "--device", "cpu", "--out", out, "--json", "--set", "data.max_bad_share=1")
        ids = [json.loads(line)["id"] for line in (out / "predictions.jsonl").read_bytes().decode().splitlines()]
        self.assertEqual(len(set(ids)), 8)
        video = root / "val" / "plain" / f"{odd}0.webm"
        for words in (("predict", video, "-m", model, "--device", "cpu", "--format", "jsonl"),
                      ("stream", video, "-m", model, "--device", "cpu", "--json")):
            for line in self.ok(*words).splitlines():
                self.assertTrue(json.loads(line)["source"].endswith("caf\\xe90.webm"))
        listed = [json.loads(line)["path"] for line in self.ok("dataset", "list", "--data", root, "--json").splitlines()]
        self.assertEqual(sum(path.endswith("caf\\xe90.webm") for path in listed), 2)
        self.ok("dataset", "stats", "--data", root, "--json")
        done = cli.trecvit("dataset", "check", "--data", root, "--json", "--bad-list", self.folder / "odd.tsv")
        problems = [p for split in json.loads(done.stdout)["splits"] for p in split["problems"] if p["kind"] == "unreadable"]
        self.assertEqual(len(problems), 4)
        self.assertIn(os.fsencode(odd), (self.folder / "odd.tsv").read_bytes())  # for rm, the bytes themselves

    def test_outputs_that_cannot_be_written_are_told_first(self):
        none = self.folder / "none" / "bad.tsv"
        self.fails(1, "dataset", "check", "--data", self.data, "--bad-list", none, says=["none/bad.tsv"])
        self.fails(1, "dataset", "check", "--data", self.data, "--bad-list", self.folder, says=["is a folder"])
        below = self.video / "below"
        damaged = ("-m", self.not_a_number(), "--device", "cpu")  # would fail at its first batch
        self.fails(1, "eval", "--data", self.data, *damaged, "--out", below, says=["below"])
        self.fails(1, "stream", self.video, *damaged, "--jsonl", none, says=["none/bad.tsv"])
        self.fails(1, "dataset", "stats", "--data", self.data, "--out", below, says=["below"])
        self.fails(1, "convert", self.folder / "no_such.npz", self.folder / "none" / "x.safetensors", says=["none/x.safetensors"])
        self.fails(1, "inspect", "video", self.folder / "no_such.webm", "--frames", "0", "--out", none.with_suffix(".png"),
                   says=["none/bad.png"])

    def test_closed_standard_streams_do_not_catch_files(self):
        run = self.folder / "closed"
        words = [cli.PROGRAM, "train", "--data", self.data, "--run-dir", run, "--max-steps", "2", *self.TINY,
                 "--set", "eval.every_epochs=1", "-v"]
        done = subprocess.run(["bash", "-c", 'exec "$@" <&- >&- 2>&-', "_", *map(str, words)], timeout=240)
        self.assertEqual(done.returncode, 0)
        for name in ("train.jsonl", "metrics.jsonl", "bad_videos.jsonl"):
            for line in (run / name).read_text().splitlines():
                json.loads(line)
        self.assertEqual(len((run / "train.jsonl").read_text().splitlines()), 2)

    def test_the_process_has_its_name(self):
        environment = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
        words = ["stream", "-", "--raw", "48x32@10:rgb24", "-m", self.model, "--device", "cpu", "--stride", "1", "--json"]
        running = subprocess.Popen([cli.PROGRAM, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        running.stdin.write(bytes(48 * 32 * 3))
        running.stdin.flush()
        running.stdout.readline()
        self.assertEqual(Path(f"/proc/{running.pid}/comm").read_text().strip(), Path(cli.PROGRAM).name[:15])
        running.communicate(timeout=60)

    def test_an_address_is_not_a_pattern(self):
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Quiet, directory=self.video.parent))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/{self.video.name}?token=[1]*"
        words = ("-m", self.model, "--device", "cpu", "--format", "jsonl")
        here = json.loads(self.ok("predict", self.video, *words))
        there = json.loads(self.ok("predict", address, *words))
        listed = json.loads(self.ok("predict", self.write("addresses.txt", address + "\n"), *words))
        server.shutdown()
        server.server_close()
        self.assertEqual((there["source"], there["topk"]), (address, here["topk"]))
        self.assertEqual(listed, there)

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
        done = cli.trecvit("stream", "-", "--raw", "48x32@10:rgb24", "-m", self.model, "--device", "cpu", stdin=picture[:100])
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
        done = cli.trecvit("predict", bad, self.video, "-m", self.model, "--device", "cpu", "--format", "csv")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stdout.splitlines()), 1 + 5)
        self.assertIn(b"1 of 2", done.stderr)
        self.fails(1, "predict", self.folder / "*.nothing", "-m", self.model, says=["nothing matches"])
        self.fails(2, "predict", self.video, says=["--model"])
        self.fails(1, "predict", self.video, "-m", self.folder / "no.safetensors", says=["no.safetensors"])
        self.fails(2, "predict", self.video, "-m", self.model, "--device", "tpu", says=["tpu"])


if __name__ == "__main__":
    cli.main()
