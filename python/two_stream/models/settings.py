"""What a net of a stream, and its training, can be asked to be."""

from __future__ import annotations

from dataclasses import dataclass, replace

from two_stream.errors import UserError

SPATIAL = "spatial"
TEMPORAL = "temporal"
STREAMS = (SPATIAL, TEMPORAL)

# ImageNet's, in OpenCV's order: blue, green, red.
RGB_MEAN = (104, 117, 123)
# Flow 0 (see two_stream_prep.flow.quantize).
FLOW_MEAN = (128,)


@dataclass(frozen=True)
class NetSettings:
    """A net of one stream; sizes in pixels. Use ``spatial()`` or ``temporal()``.

    The defaults are the paper's: UCF101's 101 classes, one frame or 10 flow
    fields, crops of 224 x 224 cut from frames of 340 x 256 at four corners and
    the centre and four sizes (section 3, "corner cropping", "multi-scale
    cropping").
    """

    stream: str
    classes: int = 101
    # Frames (spatial: 3 channels each) or flow fields (temporal: 2 each).
    length: int = 1
    crop: int = 224
    # Frames are resized to this when read; 0 keeps the size on disk.
    width: int = 340
    height: int = 256
    mean: tuple[float, ...] = RGB_MEAN
    scale: float = 1.0
    mirror: bool = True
    fix_crop: bool = True
    multi_scale: bool = True
    # After each hidden fully connected layer; None: the architecture's own.
    dropout: tuple[float, float] | None = None
    train_list: str = "data/ucf101/train_rgb_split1.txt"
    test_list: str = "data/ucf101/test_rgb_split1.txt"
    train_batch: int = 32
    test_batch: int = 39
    # The fully connected layers see all ranks' features.
    gather: bool = False

    def __post_init__(self) -> None:
        if self.stream not in STREAMS:
            raise UserError(f"a stream is spatial or temporal, not {self.stream!r}")
        if self.classes < 2:
            raise UserError(f"a net needs 2 classes at least, not {self.classes}")

    @classmethod
    def spatial(cls, **changes) -> NetSettings:
        """The spatial stream's, with changes."""
        return replace(cls(SPATIAL), **changes)

    @classmethod
    def temporal(cls, **changes) -> NetSettings:
        """The temporal stream's, with changes."""
        defaults = cls(
            TEMPORAL,
            length=10,
            mean=FLOW_MEAN,
            train_list="data/ucf101/train_flow_split1.txt",
            test_list="data/ucf101/test_flow_split1.txt",
        )
        return replace(defaults, **changes)

    @property
    def is_flow(self) -> bool:
        return self.stream == TEMPORAL

    @property
    def high_dropout(self) -> tuple[float, float]:
        """Dropout after the two hidden fully connected layers (section 3)."""
        return self.dropout or ((0.9, 0.8) if self.is_flow else (0.9, 0.9))

    @property
    def channels(self) -> int:
        """Channels of the net's input."""
        return self.length * (2 if self.is_flow else 3)


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent with momentum; the paper's, section 4.1.

    Spatial: 0.001, a tenth of it every 4,000 iterations, 10,000 in all.
    Temporal: 0.005, a tenth of it every 10,000, 30,000 in all. Batches of 256.
    """

    base_lr: float
    step: int
    max_iter: int
    global_batch: int = 256
    momentum: float = 0.9
    weight_decay: float = 0.0005
    # Videos of the test list; all are tested, every test_interval iterations.
    test_videos: int = 3783
    test_interval: int = 1000
    snapshot: int = 2000
    display: int = 20
    # Largest L2 norm of the gradients; None: any.
    clip_gradients: float | None = None
    random_seed: int | None = None

    @classmethod
    def paper(cls, stream: str, **changes) -> Recipe:
        """The paper's for a stream, with changes."""
        defaults = cls(0.005, 10000, 30000) if stream == TEMPORAL else None
        return replace(defaults or cls(0.001, 4000, 10000), **changes)
