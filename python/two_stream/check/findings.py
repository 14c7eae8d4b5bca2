"""What a check finds: where, what is wrong, what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Finding:
    """One thing to mend (error) or to look at (warning)."""

    severity: str
    file: str
    line: int | None
    cause: str
    fix: str

    @property
    def place(self) -> str:
        """Returns file and line."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.place}: {self.cause}; {self.fix}"


@dataclass
class Report:
    """The findings of a check, and how much was looked at."""

    findings: list[Finding] = field(default_factory=list)
    videos: int = 0
    images: int = 0

    @property
    def errors(self) -> list[Finding]:
        """Returns what must be mended."""
        return [f for f in self.findings if f.severity == ERROR]

    @property
    def warnings(self) -> list[Finding]:
        """Returns what should be looked at."""
        return [f for f in self.findings if f.severity == WARNING]

    def as_dict(self) -> dict[str, Any]:
        """Returns plain values, for JSON."""
        return {
            "ok": not self.errors,
            "videos": self.videos,
            "images": self.images,
            "findings": [asdict(finding) for finding in self.findings],
        }
