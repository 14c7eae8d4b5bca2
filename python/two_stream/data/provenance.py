"""How frames and flow were made, from extraction to model to test.

Extraction leaves a manifest beside the data; training writes what it says into
``<snapshot prefix>.provenance.json``, beside the weights; testing compares.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from two_stream_prep.provenance import provenance_differences, provenance_of_list

from two_stream.data.patterns import FLOW
from two_stream.errors import UserError
from two_stream.files import write_json

SUFFIX = ".provenance.json"
# Another version of the library is not another recipe.
_IGNORED = ("library",)
_FLOW_KEYS = ("algorithm", "parameters", "bound")


def data_provenance(list_path: str | Path, root_folder: str = "") -> dict | None:
    """Returns how a list's data was made; None where nobody wrote it down.

    Data made in several ways gives ``{"mixed": what differs}``.
    """
    try:
        return provenance_of_list(list_path, root_folder or None)
    except UserError as error:
        return {"mixed": str(error)}


def model_provenance_path(snapshot: str | Path) -> Path:
    """Returns where a model's provenance is: by the prefix of its snapshots."""
    path = Path(snapshot)
    name = path.name.removesuffix(".h5")
    name = name.removesuffix(".caffemodel").removesuffix(".solverstate")
    return path.with_name(re.sub(r"_iter_\d+$", "", name) + SUFFIX)


def write_model_provenance(prefix: str | Path, provenance: dict[str, Any]) -> None:
    """Writes what the snapshots of this prefix are trained on."""
    write_json(f"{prefix}{SUFFIX}", provenance)


def read_model_provenance(snapshot: str | Path) -> dict[str, Any] | None:
    """Returns what ``write_model_provenance`` wrote; None if there is nothing.

    ``snapshot`` is weights or a solver state.
    """
    path = model_provenance_path(snapshot)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); remove it") from None


def differences(trained: dict | None, tested: dict | None, modality: str) -> list[str]:
    """Returns how the data of a model and of a test differ, both sides named.

    Data made in several ways is named first, whatever the other side.
    For RGB only what concerns frames counts; another algorithm has parameters of
    its own. Empty where either is unknown.
    """
    mixed = [
        f"data made in several ways {where}: {data['mixed']}"
        for where, data in (("in training", trained), ("now", tested))
        if data and "mixed" in data
    ]
    if mixed or not trained or not tested:
        return mixed
    ignored = _IGNORED if modality == FLOW else (*_IGNORED, *_FLOW_KEYS)
    if trained.get("algorithm") != tested.get("algorithm"):
        ignored = (*ignored, "parameters")
    return [
        line.replace(" against ", " in training, ") + " now"
        for line in provenance_differences(trained, tested, ignore=ignored)
    ]
