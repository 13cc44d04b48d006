#!/usr/bin/env python3
"""README.md and docs/ say what is so: paths, symbols, layers, verbs, options, keys, files, lines. What a verb does is the other
files' affair. Usage: docs_test.py --program build/trecvit"""
import json
import os
import re
import shlex
import shutil
import subprocess
import unittest
from pathlib import Path

import cli
import model_test

SOURCE = Path(__file__).resolve().parents[2]
DOCS = ["README.md", *(str(path.relative_to(SOURCE)) for path in sorted((SOURCE / "docs").glob("*.md")))]
# Files that programs, builds and users make; files of others; names that stand for any name.
MADE = re.compile(r"^(run|build|checkpoints|\.deps|eval|reconstructions)/|^/|^~|^\$|^google-deepmind/|NAME|^stats$|^build-|^bin/$|^env\.sh$")
OTHERS = {"ssv2.py"}  # of VideoMAE


def read(name):
    return (SOURCE / name).read_text()


def tracked():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=SOURCE, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\n") if name and (SOURCE / name).exists()]


def quoted(name):
    """What a document has in backticks, outside its blocks of code."""
    prose = re.sub(r"```.*?```", "", read(name), flags=re.S)
    return [" ".join(text.split()) for text in re.findall(r"`([^`]+)`", prose)]


def section(name, title):
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", read(name), re.S | re.M)[1]


def rows(text):
    """The cells of the rows of a Markdown table, without its head."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return [cells for cells in lines[1:] if not set("".join(cells)) <= set("-: ")]


@unittest.skipUnless((SOURCE / ".git").exists(), "not a clone")
class Names(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = tracked()
        cls.folders = {str(parent) for name in cls.files for parent in Path(name).parents}

    def there(self, path):
        path = path.rstrip("/")
        if "*" in path:
            return any((SOURCE / parent).glob(path) for parent in ".") and bool(list(SOURCE.glob(path)) or list(SOURCE.rglob(path)))
        return path in self.files or path in self.folders or any(name.endswith("/" + path) for name in self.files)

    def test_every_path_that_a_document_names_exists(self):
        lost = []
        for document in DOCS:
            for text in quoted(document):
                for word in text.split():
                    is_path = re.fullmatch(r"[\w.$~*-]*/[\w./*-]*|[\w*-]+\.(h|cuh|cu|cpp|py|sh|md|cmake|yaml)", word)
                    if is_path and not MADE.search(word) and word not in OTHERS and not self.there(word):
                        lost.append(f"{document}: {word}")
        self.assertEqual(lost, [])

    def test_every_link_of_a_document_leads_to_a_file(self):
        for document in [*DOCS]:
            for target in re.findall(r"\]\(([^)#]+)\)", read(document)):
                if not target.startswith("http"):
                    self.assertTrue((SOURCE / document).parent.joinpath(target).exists(), f"{document}: {target}")

    def test_every_symbol_that_a_document_names_is_in_the_source(self):
        code = "\n".join(read(name) for name in self.files
                         if name.endswith((".h", ".cuh", ".cu", ".cpp", ".cmake", ".sh", ".yaml", "CMakeLists.txt"))
                         or name.endswith(".py") and not name.endswith("docs_test.py"))
        words = set(re.findall(r"\w+", code))
        lost = []
        for document in ("README.md", "docs/architecture.md", "docs/numerics.md"):
            for text in quoted(document):
                if re.search(r"[/*]", text) or "NAME" in text or text in OTHERS:
                    continue
                lost += [f"{document}: {text}" for word in re.findall(r"[A-Za-z_]\w\w+", text) if word not in words]
        self.assertEqual(lost, [])

    def test_every_note_is_where_documents_and_comments_say(self):
        for document in DOCS:
            for title, file in re.findall(r"Note \[([^\]]+)\] in\s+`([^`]+)`", read(document)):
                holders = [name for name in self.files if f"/{name}".endswith(f"/{file}")]
                self.assertTrue(any(f"Note [{title}]" in read(name) for name in holders), f"{document}: Note [{title}] in {file}")


class Layers(unittest.TestCase):
    """docs/architecture.md, "Layers"."""

    @classmethod
    def setUpClass(cls):
        cls.table = {cells[0]: (cells[1].strip("`"), cells[2]) for cells in rows(section("docs/architecture.md", "Layers"))}

    def test_the_table_is_what_the_build_declares(self):
        for layer, (folder, below) in self.table.items():
            if layer == "tools":
                continue
            declared = re.search(rf"trecvit_library\({layer}\b(.*?)\)", read(f"{folder}/CMakeLists.txt"), re.S)
            self.assertIsNotNone(declared, layer)
            depends = re.search(r"DEPENDS ((?:[a-z_]+ ?)*)", declared[1])
            names = [name for name in depends[1].split() if name != "kernel_headers"] if depends else []
            said = re.sub(r",? ?headers of kernels", "", below).split()
            self.assertEqual(names, said, layer)

    def test_a_layer_finds_the_headers_of_what_it_declares_and_no_others(self):
        commands = json.loads((Path(cli.PROGRAM).parent / "compile_commands.json").read_text())
        below = {layer: set(re.findall(r"\w+", needs)) & set(self.table) for layer, (_, needs) in self.table.items()}
        for layer in list(below):
            for _ in self.table:
                below[layer] |= {further for name in below[layer] for further in below[name]}
        seen = set()
        for layer in self.table:
            for command in commands:
                if f"/trecvit_{layer}.dir/" in command["command"] and layer != "tools":
                    published = set(re.findall(r"/include/(\w+)(?= )", command["command"])) & set(self.table)
                    self.assertLessEqual(published, below[layer] | {layer}, command["file"])
                    seen.add(layer)
        self.assertEqual(seen, set(self.table) - {"tools"})

    def test_who_knows_no_torch_includes_none(self):
        for layer, (folder, _) in self.table.items():
            what = next(cells[3] for cells in rows(section("docs/architecture.md", "Layers")) if cells[0] == layer)
            if "no torch" not in what and "neither torch" not in what:
                continue
            for name in tracked():
                if name.startswith(folder + "/") and name.endswith((".h", ".cpp", ".cu", ".cuh")):
                    self.assertNotRegex(read(name), r"#include [<\"](torch|ATen|c10)/", name)

    def test_a_tool_that_includes_torch_is_named_so(self):
        for path in (SOURCE / "tools").glob("*.cpp"):
            if re.search(r"#include <(torch|ATen|c10)/", path.read_text()):
                self.assertTrue(path.name.endswith("_torch.cpp"), path.name)

    def test_every_layer_with_a_test_folder_becomes_a_test_program(self):
        listed = re.findall(r"^trecvit_tests\((\w+)", read("tests/CMakeLists.txt"), re.M)
        self.assertLessEqual({layer for layer in self.table if layer != "tools"}, set(listed))


class Verbs(cli.Cli):
    """README.md against --help."""

    helps = {}

    def help_of(self, *verb):
        if verb not in self.helps:
            self.helps[verb] = self.ok(*verb, "--help")
        return self.helps[verb]

    def subverbs(self, *verb):
        listed = re.search(r"Subcommands:\n(.*?)\n\n", self.help_of(*verb), re.S)
        return [line.split()[0] for line in listed[1].splitlines() if re.match(r"  \w", line)] if listed else []

    def all_verbs(self):
        verbs = []
        for verb in self.subverbs():
            verbs += [(verb,)] + [(verb, below) for below in self.subverbs(verb)]
        return verbs

    def test_the_table_of_verbs_is_complete(self):
        said = set()
        for cells in rows(section("README.md", "Verbs")):
            first = None
            for words in re.findall(r"`([^`]+)`", cells[0]):
                words = words.split()
                if len(words) == 1 and first and first[0] in ("dataset", "bench", "inspect", "config"):
                    words = [first[0], *words]
                first = first or words
                said.add(tuple(words))
            if cells[0].startswith("exit code"):
                break
        verbs = {verb for verb in self.all_verbs() if verb not in (("dataset",), ("bench",), ("inspect",), ("config",))}
        self.assertEqual({verb for verb in said if verb[0] in self.subverbs()}, verbs)

    def commands(self):
        """The trecvit commands in README's blocks, split into words."""
        for block in re.findall(r"```\n(.*?)```", read("README.md"), re.S):
            for line in block.replace("\\\n", " ").splitlines():
                line = line.split("|")[-1] if "ffmpeg" in line and "$trecvit" in line else line
                if "$trecvit " in line:
                    yield shlex.split(line[line.index("$trecvit ") + 9:], comments=True)

    def test_every_command_of_readme_has_a_verb_and_options_that_exist(self):
        seen = 0
        for words in self.commands():
            verb = tuple(words[:2]) if tuple(words[:2]) in self.all_verbs() else tuple(words[:1])
            self.assertIn(verb, self.all_verbs(), words)
            for word in words[len(verb):]:
                if re.match(r"--?[a-z]", word):
                    self.assertRegex(self.help_of(*verb), rf"(?m)(^| |,){re.escape(word)}\b", words)
            seen += 1
        self.assertGreater(seen, 15)

    def test_every_option_in_prose_exists(self):
        everything = "".join(self.help_of(*verb) for verb in self.all_verbs()) + self.help_of()
        scripts = read("tools/setup.sh") + read("tools/campaign/run.py")
        for document in ("README.md", "docs/architecture.md", "docs/numerics.md"):
            for text in quoted(document):
                for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", text):
                    self.assertTrue(re.search(rf"{option}\b", everything) or option in scripts, f"{document}: {text}")

    def test_every_key_that_is_named_exists(self):
        keys = json.loads(self.ok("config", "show", "--json"))["origins"].keys()
        sections = {key.split(".")[0] for key in keys if "." in key}
        for document in ("README.md", "docs/architecture.md", "docs/numerics.md"):
            for text in quoted(document) + re.findall(r"--set (\S+)", read(document)):
                for key in re.findall(r"(?<![\w./-])([a-z]+\.[a-z][a-z_0-9]+)(?![\w./])", text):
                    if key.split(".")[0] in sections and not re.search(r"\.(h|cpp|py|json|jsonl|yaml)$", key):
                        self.assertIn(key, keys, f"{document}: {text}")

    def test_exit_codes_are_those_of_help(self):
        codes = {cells[0]: cells[1] for cells in rows(section("README.md", "Verbs")) if re.fullmatch(r"\d+", cells[0])}
        last_line = self.help_of().rstrip().splitlines()[-1]
        self.assertEqual(list(codes), re.findall(r"\d+", last_line))

    def test_layouts_of_data_sets_are_those_of_the_key(self):
        shown = next(line for line in self.ok("config", "show").splitlines() if line.strip().startswith("format:"))
        formats = re.findall(r"\b(?:ssv2|kinetics|ucf101|hmdb51|folder|list|jsonl)\b", shown)
        said = section("README.md", "With a data set on disk").split("```")[0]
        for name, word in (("ssv2", "Something-Something V2"), ("kinetics", "Kinetics-400/600/700"), ("ucf101", "UCF101"),
                           ("hmdb51", "HMDB51"), ("folder", "a folder per class"), ("list", "lists"), ("jsonl", "JSONL")):
            self.assertIn(name, formats)
            self.assertIn(word, " ".join(said.split()))
        self.assertEqual(len(set(formats)), 7)

    def test_defaults_that_readme_tells(self):
        self.assertRegex(self.help_of("train"), r"--resume TEXT=auto")
        self.assertRegex(self.help_of("stream"), r"--policy TEXT +all: .*\(files, standard input\) \| latest: .*\(URLs\)")
        self.assertRegex(self.help_of("stream"), r"--stride .* 0: as the model was trained")
        self.assertRegex(self.help_of("eval"), r"--check-parity +.*exit code 3 .* 1e-4")
        self.assertRegex(self.help_of("dataset", "synth"), r"--format .*ssv2")

    def test_recipes_ask_for_what_readme_says(self):
        for recipe in ("trecvit-b-ssv2.yaml", "trecvit-b-k400.yaml"):
            shown = json.loads(self.ok("config", "show", "-c", SOURCE / "configs" / recipe, "--json"))["config"]
            self.assertEqual((shown["train"]["global_batch"], shown["model"]["width"], shown["model"]["lru_width"]), (256, 768, 1536))
            for path in (SOURCE / "configs").glob("*.yaml"):
                self.assertIn(": valid", self.ok("config", "validate", path))

    def test_versions_are_those_of_the_scripts(self):
        self.assertIn(f"LibTorch {re.search(r'torch_version=(.+)', read('tools/setup.sh'))[1]} from PyPI", read("README.md"))
        self.assertIn(f"an nvcc of CUDA {re.search(r'torch_cuda=([0-9]+)', read('tools/setup.sh'))[1]}", " ".join(read("README.md").split()))
        least = min(int(cc) for cc in re.findall(r"(\d+)\w?-(?:virtual|real)", read("CMakeLists.txt")))
        self.assertIn(f"compute capability {least // 10}.{least % 10} and up", " ".join(read("README.md").split()))
        self.assertIn("Apache License", read("LICENSE"))

    def test_the_demonstration_is_what_readme_says(self):
        demo = read("tools/demo.py")
        made = sum(int(re.search(rf"--{split} INT=(\d+)", self.help_of("dataset", "synth"))[1]) for split in ("train", "validation"))
        self.assertIn(f"makes {made:,} short videos", read("README.md"))
        for text in ("summary.json", '"run/demo"', '"checkpoints" / "best"', "--shuffle-frames", "pretrain", "stream"):
            self.assertIn(text, demo)


class Files(cli.Cli):
    """What a run, an evaluation and a stream leave."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.data, cls.run_dir = cls.folder / "data", cls.folder / "run"
        cli.trecvit("dataset", "synth", "--out", cls.data, *cli.SYNTH)
        cls.trained = cli.trecvit("train", "--data", cls.data, "--run-dir", cls.run_dir, "--max-steps", "2", *model_test.Model.TINY)
        cls.model = cls.run_dir / "checkpoints/last"
        cls.video = next(cls.data.rglob("*.webm"))

    def test_a_run_leaves_the_files_of_the_architecture(self):
        block = re.search(r"```\nrun/NAME/\n(.*?)```", read("docs/architecture.md"), re.S)[1]
        self.assertEqual(self.trained.returncode, 0, self.trained.stderr.decode())
        said = set(re.findall(r"[\w.]+\.(?:yaml|jsonl|json|safetensors)", block))
        made = {path.name for path in self.run_dir.rglob("*") if path.is_file()}
        self.assertEqual(made, said)
        keys = re.search(r"train\.jsonl +(.+)", block)[1].split()
        line = json.loads((self.run_dir / "train.jsonl").read_text().splitlines()[0])
        self.assertEqual(list(line), keys)
        self.assertIn("step", json.loads((self.run_dir / "metrics.jsonl").read_text().splitlines()[0]))
        self.assertEqual(os.readlink(self.model), "step_00000002")
        self.assertRegex((self.run_dir / "config.resolved.yaml").read_text(), r"width: 16 +# --set\n")

    def test_resume_none_refuses_a_folder_that_holds_a_run(self):
        self.fails(2, "train", "--data", self.data, "--run-dir", self.run_dir, "--resume", "none", "--max-steps", "3",
                   *model_test.Model.TINY, says=["already holds a run"])

    def test_an_evaluation_leaves_the_files_of_the_architecture(self):
        said = " ".join(re.search(r"`eval --out FOLDER`\s+writes `([^`]+)`", read("docs/architecture.md"))[1].split()).split()
        out = self.folder / "eval"
        self.ok("eval", "-m", self.model, "--data", self.data, "--device", "cpu", "--out", out, "--quiet")
        self.assertEqual(sorted(path.name for path in out.iterdir()), sorted(said))

    def test_a_line_of_a_stream_has_the_keys_of_readme(self):
        keys = re.search(r"Each line carries `([^`]+)`", read("README.md"))[1].split()
        lines = [json.loads(line) for line in self.ok("stream", self.video, "-m", self.model, "--device", "cpu", "--jsonl", "-").splitlines()]
        self.assertEqual(list(lines[0]), keys)
        self.assertTrue(any("p50" in key for key in json.dumps(lines[-1]).split('"')), lines[-1])
        for percentile in ("p50", "p90", "p99"):
            self.assertIn(percentile, json.dumps(lines[-1]))

    def test_without_lines_changes_of_the_leading_class_are_told(self):
        done = cli.trecvit("stream", self.video, "-m", self.model, "--device", "cpu")
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        label = json.loads((self.run_dir / "labels.json").read_text())
        self.assertTrue(any(name.encode() in done.stderr for name in label), done.stderr)
        quiet = [json.loads(line)["event"] for line in self.ok("stream", self.video, "-m", self.model, "--device", "cpu", "--threshold",
                                                               "1", "--json").splitlines()[:-1]]
        self.assertNotIn("label", quiet)

    def test_an_npz_is_evaluated_on_32_frames_with_stride_2(self):
        npz = self.folder / "model.npz"
        self.ok("convert", self.model, npz)
        words = ("eval", "-m", npz, "--data", self.data, "--device", "cpu", "--json", "--match", "index")
        default = json.loads(self.ok(*words))
        same = json.loads(self.ok(*words, "--set", "data.frames=32", "--set", "data.stride=2"))
        other = json.loads(self.ok(*words, "--set", "data.frames=2", "--set", "data.stride=1"))
        self.assertEqual(default["loss"], same["loss"])
        self.assertNotEqual(default["loss"], other["loss"])

    @unittest.skipUnless(shutil.which("ffmpeg"), "no ffmpeg")
    def test_the_scan_of_a_large_file_is_kept_in_the_cache_folder(self):
        for frames, kept in ((40, False), (44, True)):  # of 1.17 MiB
            root, cache = self.folder / f"large_{frames}", self.folder / f"cache_{frames}"
            self.write(root / "val.txt", "a.avi 11\n")
            subprocess.run(["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=1024x800:rate=12", "-frames:v", str(frames),
                            "-c:v", "rawvideo", "-pix_fmt", "yuv420p", root / "a.avi"], check=True, timeout=60)
            done = subprocess.run([cli.PROGRAM, "eval", "-m", self.model, "--data", root, "--device", "cpu", "--match", "index", "--quiet"],
                                  capture_output=True, env=dict(os.environ, XDG_CACHE_HOME=str(cache)), timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(bool(list(cache.glob("trecvit/index/*"))), kept, frames)


if __name__ == "__main__":
    cli.main()
