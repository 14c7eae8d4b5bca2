"""How the flow and frames behind a list were made, for training and testing."""

from __future__ import annotations

import os
from pathlib import Path

from two_stream_prep import layout
from two_stream_prep.errors import UserError
from two_stream_prep.manifest import Manifest


def provenance(data_root: str | os.PathLike) -> dict:
    """How all videos of a data root (or LMDB folder) were made.

    Keys: algorithm (None: no flow), parameters, bound (pixels), size ([width,
    height], or None where videos kept their own), library. Raises UserError
    where there is no manifest, no video, or where videos were made differently.
    """
    manifest = Manifest.load(Path(data_root))
    if not manifest.videos:
        raise UserError(f"{data_root}: there is no video here")
    by_text: dict[str, tuple[str, dict]] = {}
    libraries = set()
    for name, record in manifest.videos.items():
        recipe = record["recipe"]
        by_text.setdefault(repr(recipe), (name, recipe))
        libraries.add(record["library"])
    (first, recipe), *others = by_text.values()
    if others:
        other, other_recipe = others[0]
        differences = "; ".join(provenance_differences(recipe, other_recipe))
        raise UserError(
            f"{data_root}: {first} and {other} were made differently ({differences}); "
            "run `prepare extract` again to make them alike"
        )
    flow = recipe["flow"] or {"algorithm": None, "parameters": {}, "bound": None}
    return {
        "algorithm": flow["algorithm"],
        "parameters": flow["parameters"],
        "bound": flow["bound"],
        "size": recipe["size"],
        "library": ", ".join(sorted(libraries)),
    }


def provenance_of_list(
    list_file: str | os.PathLike, root_folder: str | os.PathLike | None = None
) -> dict | None:
    """Provenance of the data that a list file stands for.

    Looks under `root_folder`, if given, else beside the list, as the VideoData
    layer does. None where there is no manifest: data made by other tools.
    """
    data_root = Path(root_folder) if root_folder else Path(list_file).parent
    if not (data_root / layout.MANIFEST).is_file():
        return None
    return provenance(data_root)


def provenance_differences(one: dict, other: dict, ignore: tuple = ()) -> list[str]:
    """Where two provenances differ: lines "bound: 20.0 against 15.0".

    Nested values are named by a path (parameters.scales).
    """
    lines = []
    for key in sorted({*one, *other} - set(ignore)):
        left, right = one.get(key), other.get(key)
        if isinstance(left, dict) and isinstance(right, dict):
            lines += [f"{key}.{line}" for line in provenance_differences(left, right)]
        elif left != right:
            lines.append(f"{key}: {left} against {right}")
    return lines
