"""The manifest: what is in a data root and how it was made.

    {"format": 1,
     "recipes": {"<id>": {"size": [340, 256], "resize": "bilinear",
                          "jpeg_quality": 95,
                          "flow": {"algorithm": "tvl1", "parameters": {...},
                                   "bound": 20.0}}},
     "videos": {"<name>": {"source": ..., "source_bytes": ...,
                           "declared_frames": ..., "frames": N, "pairs": N - 1,
                           "width": ..., "height": ...,
                           "library": "OpenCV 4.10.0", "recipe": "<id>"}},
     "failures": {"<name>": "cause"}}

It gathers what each video's own folder says (see two_stream_prep.records) in
one place, for whoever reads the data.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from two_stream_prep import layout
from two_stream_prep.errors import UserError
from two_stream_prep.files import read_json, write_json

FORMAT = 1


class Manifest:
    """The records of a data root, by the name of the video, and the failures."""

    def __init__(self, videos: dict[str, dict] | None = None) -> None:
        self.videos = videos or {}
        """Name -> record as in video.json, its recipe in full."""
        self.failures: dict[str, str] = {}
        """Name -> cause, of the last run."""

    @classmethod
    def load(cls, data_root: Path) -> Manifest:
        """Read `data_root/manifest.json`; UserError if there is none."""
        path = data_root / layout.MANIFEST
        if not path.is_file():
            raise UserError(
                f"{path}: there is no such file; make it with `prepare extract`"
            )
        value = read_json(path)
        if value.get("format") != FORMAT:
            raise UserError(
                f"{path}: format {value.get('format')!r}, this program reads {FORMAT}"
            )
        manifest = cls()
        try:
            for name, record in value["videos"].items():
                recipe = value["recipes"][record["recipe"]]
                manifest.videos[name] = {**record, "recipe": recipe}
            manifest.failures = dict(value["failures"])
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: damaged ({error!r}); extract again") from None
        return manifest

    def save(self, data_root: Path) -> None:
        recipes = {}
        videos = {}
        for name, record in sorted(self.videos.items()):
            key = _recipe_id(record["recipe"])
            recipes[key] = record["recipe"]
            videos[name] = {**record, "recipe": key}
        value = {
            "format": FORMAT,
            "recipes": recipes,
            "videos": videos,
            "failures": dict(sorted(self.failures.items())),
        }
        write_json(data_root / layout.MANIFEST, value)


def _recipe_id(recipe: dict) -> str:
    text = json.dumps(recipe, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
