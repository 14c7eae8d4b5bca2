"""The solver and net of a training, with what the user changed, and its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format

from two_stream.data import means
from two_stream.errors import UserError
from two_stream.files import write_text
from two_stream.nets import prototxt
from two_stream.training.settings import TrainSettings


@dataclass(frozen=True)
class TrainFiles:
    """Files of one training; all but the solver and net start with ``prefix``."""

    solver: str
    net: str
    prefix: str
    max_iter: int
    # The solver asks for GPUs, in Caffe's way or, by device_id alone, the fork's.
    for_gpus: bool

    @property
    def log(self) -> Path:
        return Path(f"{self.prefix}.log")

    @property
    def curves_csv(self) -> Path:
        return Path(f"{self.prefix}_curves.csv")

    @property
    def curves_png(self) -> Path:
        return Path(f"{self.prefix}_curves.png")

    @property
    def final_weights(self) -> Path:
        return Path(f"{self.prefix}_iter_{self.max_iter}.caffemodel")


def prepare_files(s: TrainSettings) -> TrainFiles:
    """Reads the solver and net; writes changed copies where something is changed.

    The copies are ``<prefix>_solver.prototxt`` and ``<prefix>_train_val.prototxt``,
    with ``changed_`` before their names where the user's own are called so; means
    of MATLAB's become ``<prefix>_mean<n>.binaryproto``. Raises UserError.
    """
    solver = prototxt.read_solver(s.solver)
    overridden(solver.param, s.overrides)
    if s.out:
        solver.param.snapshot_prefix = s.out
    prefix = solver.param.snapshot_prefix or str(Path(s.solver).with_suffix(""))
    if Path(prefix).is_dir():  # as Caffe: snapshots called after the solver
        prefix = str(Path(prefix) / Path(s.solver).stem)
    try:
        Path(prefix).parent.mkdir(parents=True, exist_ok=True)  # Caffe aborts without
    except OSError as error:
        raise UserError(f"{prefix}: cannot write ({error.strerror})") from None
    field = "train_net" if solver.param.train_net else "net"
    net_path = getattr(solver.param, field)
    if not net_path:
        raise UserError(f'{s.solver}: names no net; write net: "train_val.prototxt"')
    net = prototxt.read_net(net_path)
    net_changed = _convert_means(net, prefix) | _change_net(s, net, net_path)
    if net_changed:
        net_path = _copy_of(net_path, f"{prefix}_train_val.prototxt")
        write_text(net_path, text_format.MessageToString(net))
        setattr(solver.param, field, net_path)
    path = s.solver
    if s.out or s.overrides or net_changed:
        path = _copy_of(path, f"{prefix}_solver.prototxt")
        solver.param.snapshot_prefix = prefix
        text = text_format.MessageToString(solver.param)
        if solver.device_ids:
            text += f"device_id: {solver.device_ids}\n"
        write_text(path, text)
    return TrainFiles(
        path, net_path, prefix, solver.param.max_iter, _is_for_gpus(solver)
    )


def _copy_of(source: str, name: str) -> str:
    """Returns the copy's name, another one where it is the file's own."""
    path = Path(name)
    if path.resolve() == Path(source).resolve():
        path = path.with_name(f"changed_{path.name}")
    return str(path)


def _is_for_gpus(solver: prototxt.Solver) -> bool:
    if solver.param.HasField("solver_mode"):
        return solver.param.solver_mode == solver.param.GPU
    return bool(solver.device_ids)


def overridden(param, overrides: Sequence[str]) -> None:
    """Merges each ``field=value`` into the solver; raises UserError."""
    for text in overrides:
        _override(param, text)


def _override(param, text: str) -> None:
    """Merges ``field=value`` into the solver; raises UserError."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set {text}: write field=value, as base_lr=0.01")
    field = param.DESCRIPTOR.fields_by_name.get(name.strip())
    if field is None:
        raise UserError(f"--set {text}: a solver has no field '{name.strip()}'")
    param.ClearField(field.name)
    for form in (value, f'"{value}"'):
        try:
            text_format.Merge(f"{field.name}: {form}", param)
            return
        except text_format.ParseError:
            continue
    raise UserError(f"--set {text}: '{value}' is no value of {field.name}")


def _convert_means(net, prefix: str) -> bool:
    """Writes the means that only we read (.mat) in the form that Caffe reads."""
    converted: dict[str, str] = {}
    for layer in net.layer:
        for param in (layer.transform_param, layer.video_data_param):
            source = param.mean_file
            if not source.endswith(".mat"):
                continue
            if source not in converted:
                made = f"{prefix}_mean{len(converted) + 1}.binaryproto"
                means.write_mean(made, means.read_mean(source))
                converted[source] = made
            param.mean_file = converted[source]
    return bool(converted)


def _change_net(s: TrainSettings, net, path: str) -> bool:
    """Puts the lists and the root folder into the VideoData layers."""
    wanted = {prototxt.TRAIN: s.train_list, prototxt.TEST: s.test_list}
    if not any(wanted.values()) and s.root_folder is None:
        return False
    changed = False
    for layer in net.layer:
        if layer.type != "VideoData":
            continue
        for phase, source in wanted.items():
            if source and prototxt.in_phase(layer, phase):
                layer.video_data_param.source = source
                changed = True
        if s.root_folder is not None:
            layer.video_data_param.root_folder = s.root_folder
            changed = True
    if not changed:
        raise UserError(f"{path}: no VideoData layer that could read another list")
    return True
