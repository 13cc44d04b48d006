#!/usr/bin/env python3
"""stream where nothing comes: signals, time-outs, and the frames that a rate of its own takes.
Usage: live_test.py --program build/trecvit"""
import contextlib
import fcntl
import json
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

import cli
import model_test

PICTURE = bytes(48 * 32 * 3)
RAW = ["-", "--raw", "48x32@12:rgb24"]


class Live(cli.Cli):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.data = cls.folder / "data"
        cli.trecvit("dataset", "synth", "--out", cls.data, *cli.SYNTH)
        run = cls.folder / "run"
        cls.trained = cli.trecvit("train", "--data", cls.data, "--run-dir", run, "--max-steps", "1", *model_test.Model.TINY,
                                  "--set", "data.fps=30", "--set", "data.stride=2")
        cls.model = run / "checkpoints" / "last"
        cls.video = next(cls.data.rglob("*.webm"))

    def start(self, *words):
        running = subprocess.Popen([cli.PROGRAM, "stream", *map(str, words), "-m", self.model, "--device", "cpu", "--jsonl", "-"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end, running)
        return running

    @staticmethod
    def end(running):
        running.kill()
        running.communicate()

    def finish(self, running, code):
        """How long it took to end, and its standard error."""
        began = time.monotonic()
        running.wait(timeout=60)
        error = running.stderr.read().decode()
        self.assertEqual(running.returncode, code, error)
        return time.monotonic() - began, error

    def test_signals_end_a_wait_for_standard_input(self):
        # FFmpeg looks at 2 KiB before it knows a format: a void element fills them up.
        encoded = self.video.read_bytes() + b"\xEC\x50\x00" + bytes(4096)
        for number, policy in ((signal.SIGINT, "all"), (signal.SIGTERM, "latest")):
            for source, sent in ((RAW, PICTURE * 4), (["-"], encoded)):
                with self.subTest(number=number, policy=policy, source=source):
                    running = self.start(*source, "--policy", policy)
                    running.stdin.write(sent)
                    running.stdin.flush()
                    running.stdout.readline()  # it runs; now nothing comes any more
                    time.sleep(0.2)
                    running.send_signal(number)
                    self.assertLess(self.finish(running, 130)[0], 20)
                    self.assertTrue(json.loads(running.stdout.read().splitlines()[-1])["summary"])

    def test_signals_end_the_opening_of_a_silent_source(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            for source in (f"http://127.0.0.1:{server.getsockname()[1]}/live.mp4", "-"):
                with self.subTest(source=source):
                    running = self.start(source)
                    if source == "-":
                        running.stdin.write(self.video.read_bytes()[:100])
                        running.stdin.flush()
                        time.sleep(3)
                    else:
                        talk, _ = server.accept()
                        self.addCleanup(talk.close)
                    running.send_signal(signal.SIGINT)
                    self.assertLess(self.finish(running, 130)[0], 20)

    def test_a_wait_ends_at_its_time_out(self):
        for source in (RAW, ["-"]):
            with self.subTest(source=source):
                running = self.start(*source, "--timeout", "0.3")
                error = self.finish(running, 1)[1]
                self.assertEqual(len(error.splitlines()), 1, error)
                self.assertIn("standard input", error)
                self.assertIn("deadline", error)

    def test_the_second_signal_ends_at_once(self):
        running = self.start(*RAW, "--stride", "1")
        # Nobody reads the answers: it waits for its own output, and so its writer for it.
        def send():
            with contextlib.suppress(OSError, ValueError):
                running.stdin.write(PICTURE * 2000)
        threading.Thread(target=send, daemon=True).start()
        held = []
        while len(held) < 5 or held[-1] == 0 or held[-5] != held[-1]:
            self.assertLess(len(held), 120)
            time.sleep(0.5)
            held.append(struct.unpack("i", fcntl.ioctl(running.stdout, termios.FIONREAD, bytes(4)))[0])
        running.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        self.assertIsNone(running.poll())
        running.send_signal(signal.SIGINT)
        running.wait(timeout=20)
        self.assertEqual(running.returncode, -signal.SIGINT)

    def test_a_rate_of_its_own_takes_the_ticks_of_evaluation(self):
        self.assertEqual(self.trained.returncode, 0, self.trained.stderr.decode())
        told = self.ok("stream", *RAW, "-m", self.model, "--device", "cpu", "--jsonl", "-", stdin=PICTURE * 48)
        frames = [json.loads(line)["frame"] for line in told.splitlines()[:-1]]
        self.assertEqual(len(frames), 59)  # 4 s less one frame at 30 ticks a second, every second one
        self.assertEqual(frames[:6], [0, 1, 2, 2, 3, 4])
        self.assertEqual(frames[-1], 46)
        predicted = json.loads(self.ok("predict", self.video, "-m", self.model, "--device", "cpu", "--format", "jsonl"))
        streamed = self.ok("stream", self.video, "-m", self.model, "--device", "cpu", "--jsonl", "-").splitlines()
        self.assertEqual(json.loads(streamed[-2])["smoothed"], predicted["topk"])


if __name__ == "__main__":
    cli.main()
