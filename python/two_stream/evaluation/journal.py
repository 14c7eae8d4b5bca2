"""What is done so far, so that an evaluation can go on where it stopped.

A text file beside the scores: first the provenance, then a line a video. It
counts only for the same provenance, up to the first line that is not whole.
"""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

from two_stream.errors import UserError


class Journal:
    """Scores by video identifier; every ``add`` survives the end of the process.

    Raises UserError where the file cannot be written, or is being written by
    another evaluation.
    """

    def __init__(self, path: str | Path, provenance: dict[str, Any], ids: list[str]):
        self.path = Path(path)
        self.scores: dict[str, list[float]] = {}
        self.stale = False  # there was one of another evaluation
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "a+b", buffering=0)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise UserError(
                f"{path}: another evaluation is writing it; wait for it, or choose "
                "another --out"
            ) from None
        except OSError as error:
            raise UserError(f"{path}: cannot write ({error.strerror})") from None
        head = _line({"provenance": provenance})
        self._file.seek(0)
        whole = self._take(head, self._file.readlines(), set(ids))
        self._file.truncate(whole)
        if not whole:
            self._write(head)

    def _take(self, head: bytes, lines: list[bytes], ids: set[str]) -> int:
        """Takes the scores; returns how many bytes hold whole lines of these."""
        if not lines or lines[0] != head:
            self.stale = bool(lines)
            return 0
        whole = len(head)
        for line in lines[1:]:
            try:
                video, scores = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n"):
                break
            if video in ids:
                self.scores[video] = scores
            whole += len(line)
        return whole

    def _write(self, line: bytes) -> None:
        try:
            written = self._file.write(line)
        except OSError as error:
            raise UserError(f"{self.path}: cannot write ({error.strerror})") from None
        if written != len(line):
            raise UserError(f"{self.path}: cannot write all; is the disk full?")

    def add(self, video: str, scores: list[float]) -> None:
        """Notes the scores of a video."""
        self.scores[video] = scores
        self._write(_line([video, scores]))

    def close(self) -> None:
        """Closes the file and keeps it."""
        self._file.close()

    def remove(self) -> None:
        """Closes and removes the file: the scores are elsewhere now."""
        self.path.unlink()
        self.close()


def _line(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode() + b"\n"
