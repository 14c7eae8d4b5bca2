"""The report: docs/gpu/REPORT-<gpu>.md."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """One check: ``state`` is passed, failed or not run; ``detail`` says why or how."""

    name: str
    state: str
    seconds: float
    detail: str


@dataclass
class Report:
    """All that is to be said about one machine."""

    gpu: str | None  # none: a rehearsal
    facts: dict[str, str]
    outcomes: list[Outcome] = field(default_factory=list)
    timings: list[dict[str, str]] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return sum(outcome.state == "failed" for outcome in self.outcomes)

    def file_name(self) -> str:
        slug = re.sub(r"[^A-Za-z0-9]+", "-", self.gpu or "none").strip("-")
        return f"REPORT-{slug}.md"

    def text(self) -> str:
        lines = [f"# {self.gpu or 'Rehearsal without a GPU'}", ""]
        if self.gpu is None:
            lines += [
                "**Nothing here ran on a GPU.** The checks that can be run on a CPU "
                "show that the script works.",
                "",
            ]
        states = [outcome.state for outcome in self.outcomes]
        counts = ", ".join(
            f"{states.count(state)} {state}"
            for state in ("passed", "failed", "not run")
        )
        lines += [f"Checks: {counts}. Written by `tools/gpu_check.sh`.", ""]
        lines += table([{"": key, " ": value} for key, value in self.facts.items()])
        lines += ["## Checks", ""]
        lines += table(
            [
                {
                    "check": outcome.name,
                    "result": outcome.state,
                    "seconds": f"{outcome.seconds:.0f}",
                    "detail": outcome.detail,
                }
                for outcome in self.outcomes
            ]
        )
        if self.timings:
            lines += ["## Training steps", ""]
            lines += table(self.timings)
        return "\n".join(lines).rstrip() + "\n"

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.file_name()
        partial = path.with_suffix(".part")
        partial.write_text(self.text())
        partial.replace(path)
        return path


def table(rows: list[dict[str, str]]) -> list[str]:
    """Markdown lines of a table with the columns of the first row."""
    if not rows:
        return []
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = [
            str(row[name]).replace("|", "\\|").replace("\n", " ") for name in names
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]
