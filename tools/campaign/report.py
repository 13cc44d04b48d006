"""The table of the campaign: a row per part, and what was found."""
import dataclasses
import subprocess
import time
from pathlib import Path


@dataclasses.dataclass
class Row:
    """tried: points, inputs or tests. crashed: ended in a way that no user may see. hung: took longer than allowed. lost: work or
    bits that a kill took away."""
    part: str
    tried: int = 0
    crashed: int = 0
    hung: int = 0
    lost: int = 0
    seconds: float = 0
    findings: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)

    def found(self, kind, text):
        """Counts a finding; kind is crashed, hung or lost."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.findings.append(f"{kind}: {text}")

    @property
    def clean(self):
        return self.crashed == self.hung == self.lost == 0


class Clock:
    """with Clock(row): the time of the block is the row's."""

    def __init__(self, row):
        self.row = row

    def __enter__(self):
        self.began = time.monotonic()

    def __exit__(self, *failure):
        self.row.seconds += time.monotonic() - self.began


def commit(source):
    done = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=source, capture_output=True, text=True)
    return done.stdout.strip() or "unknown commit"


def table(rows, source):
    """The table in Markdown."""
    lines = [f"Campaign at {commit(source)}, {sum(row.seconds for row in rows):.0f} s", "",
             "| part | tried | crashed | hung | lost | seconds |", "|---|---|---|---|---|---|"]
    lines += [f"| {r.part} | {r.tried:,} | {r.crashed} | {r.hung} | {r.lost} | {r.seconds:.0f} |" for r in rows]
    for row in rows:
        lines += ["", *(f"{row.part}: {note}" for note in row.notes)] if row.notes else []
        lines += ["", *(f"{row.part}: {finding}" for finding in row.findings)] if row.findings else []
    return "\n".join(lines) + "\n"


def save(rows, source, out):
    Path(out).mkdir(parents=True, exist_ok=True)
    (Path(out) / "table.md").write_text(table(rows, source))
