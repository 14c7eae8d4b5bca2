"""What is done so far, so that an evaluation can go on where it stopped.

A text file beside the scores: first the provenance, then a line a video. It
counts only for the same provenance; a last line cut short is dropped.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from two_stream.errors import UserError


class Journal:
    """Scores by video identifier; every ``add`` is on disk when it returns."""

    def __init__(self, path: str | Path, provenance: dict[str, Any], ids: list[str]):
        self.path = Path(path)
        self.scores: dict[str, list[float]] = {}
        self.stale = False  # there was one of another evaluation
        head = json.dumps({"provenance": provenance}, sort_keys=True)
        kept = self._read(head, set(ids))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Also drops a line cut short.
            self._file = open(self.path, "w", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{path}: cannot write ({error.strerror})") from None
        print(head, *kept, sep="\n", file=self._file, flush=True)

    def _read(self, head: str, ids: set[str]) -> list[str]:
        if not self.path.is_file():
            return []
        lines = self.path.read_text(encoding="utf-8").split("\n")
        if lines[0] != head:
            self.stale = True
            return []
        kept = []
        for line in lines[1:-1]:  # what follows the last line's end is cut short
            video, scores = json.loads(line)
            if video in ids:
                self.scores[video] = scores
                kept.append(line)
        return kept

    def add(self, video: str, scores: list[float]) -> None:
        """Notes the scores of a video."""
        self.scores[video] = scores
        print(json.dumps([video, scores]), file=self._file, flush=True)

    def close(self) -> None:
        """Closes the file and keeps it."""
        self._file.close()

    def remove(self) -> None:
        """Closes and removes the file: the scores are elsewhere now."""
        self.close()
        self.path.unlink()
