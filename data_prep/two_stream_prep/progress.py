"""A progress bar over videos of different lengths."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tqdm import tqdm


class VideoProgress:
    """Percentage, videos done and failed, elapsed and remaining time.

    `weights` are the sizes of the videos' files: the remaining time is told by
    the share of bytes that is done, so it holds where lengths differ. On a
    terminal the bar moves; in a log it is a line every 30 seconds.
    """

    def __init__(self, weights: Sequence[int], enabled: bool = True) -> None:
        total = max(1, sum(weights))
        self._shares = [weight / total for weight in weights]
        self._seen = [0.0] * len(weights)
        self._done = self._failed = 0
        terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=1.0,
            disable=not enabled,
            mininterval=0.1 if terminal else 30,
            bar_format="{percentage:3.0f}%|{bar:30}| {desc} [{elapsed}<{remaining}]",
        )
        self._describe()

    def advance(self, video: int, share: float) -> None:
        """`share` of the video number `video` is done, in [0, 1]."""
        self._bar.update((share - self._seen[video]) * self._shares[video])
        self._seen[video] = share

    def finish(self, video: int, failed: bool) -> None:
        """The video is done with, well or badly."""
        if failed:
            self._failed += 1
        else:
            self._done += 1
        self._describe()
        self.advance(video, 1.0)

    def close(self) -> None:
        self._bar.close()

    def _describe(self) -> None:
        text = f"{self._done}/{len(self._shares)} videos"
        if self._failed:
            text += f", {self._failed} failed"
        self._bar.set_description_str(text, refresh=False)
