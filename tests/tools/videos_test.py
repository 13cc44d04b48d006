#!/usr/bin/env python3
"""inspect video on good and bad files, and what it would give a model. Usage: videos_test.py --program build/trecvit"""
import ast
import json
import shutil
import struct
import subprocess
from pathlib import Path

import cli


class Videos(cli.Cli):
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
        done = cli.trecvit("inspect", "video", cut, "--json")
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


class Inspect(cli.Cli):
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


if __name__ == "__main__":
    cli.main()
