"""Settings of a RealSense camera."""

import math
from dataclasses import dataclass, field
from typing import Literal

from equigrasp.errors import ConfigError

PRESETS = ("", "default", "hand", "high_accuracy", "high_density", "medium_density")
_POSITIVE = ("rate", "frame_timeout", "connect_timeout", "reconnect_interval", "reconnect_timeout")


@dataclass(frozen=True)
class FilterConfig:
    """librealsense's own depth filters, in the order in which they are applied.

    Args:
        decimation: Side of the blocks of depth pixels that become one; 1: off.
        use_spatial: Smooth over neighbours, up to depth edges.
        use_temporal: Smooth over time. Every frame then passes the filters, asked for or not.
        fill_holes: `off`, or what a pixel without depth takes: `from_left`, the `farthest` or the
            `nearest` of its neighbours.
    """

    decimation: int = 1
    use_spatial: bool = False
    use_temporal: bool = False
    fill_holes: Literal["off", "from_left", "farthest", "nearest"] = "off"

    def __post_init__(self) -> None:
        if not 1 <= self.decimation <= 8:
            raise ConfigError(f"decimation must be in [1, 8], found {self.decimation}.")


@dataclass(frozen=True)
class RealSenseConfig:
    """How a RealSense is reached and set, as `config/camera_drivers/<name>.yaml` describes it.

    Args:
        source: `device` (on USB), `bag:<file>` (a recording, .db3 or .bag) or `tcp://<host>:<port>` (frames of
            another process).
        serial: Serial number of the camera that is wanted; empty: the only one there.
        depth_size_px: Width and height of the depth stream of a device.
        color_size_px: Width and height of the colour stream of a device.
        rate: Frames per second of both streams of a device [Hz].
        align_to: Whose viewpoint both images have, and whose intrinsics hold.
        region_offset_px: How far the region of interest (the size of the cell's camera) lies
            right of and below the middle of the image.
        focal_tolerance: How far the focal length may be from what the cell's camera says, as a
            share of it.
        visual_preset: Depth preset of a device; empty: what it is set to.
        allow_usb2: Whether a camera on a USB 2 port is accepted.
        filters: librealsense's filters.
        median_frames: Frames over which `capture` takes the median of each depth pixel.
        frame_timeout: Bound on the wait for each frame [s].
        connect_timeout: Bound on the wait for a server, and for the first frame [s].
        reconnect_interval: Time between two attempts to find a lost camera [s].
        reconnect_timeout: Time after which a lost camera is given up [s].
        record_to: Recording to write (.db3: librealsense no longer writes .bag), numbered where the
            file exists; empty: none.
        replay_in_real_time: Whether a recording runs at its own pace, or shows its next frame
            whenever one is asked for.
        replay_in_a_loop: Whether a recording begins again, or ends with an error.
    """

    source: str = "device"
    serial: str = ""
    depth_size_px: tuple[int, int] = (848, 480)
    color_size_px: tuple[int, int] = (848, 480)
    rate: int = 30
    align_to: Literal["color", "depth"] = "color"
    region_offset_px: tuple[int, int] = (0, 0)
    focal_tolerance: float = 0.2
    visual_preset: str = "high_density"
    allow_usb2: bool = False
    filters: FilterConfig = field(default_factory=FilterConfig)
    median_frames: int = 1
    frame_timeout: float = 1.0
    connect_timeout: float = 5.0
    reconnect_interval: float = 1.0
    reconnect_timeout: float = 600.0
    record_to: str = ""
    replay_in_real_time: bool = True
    replay_in_a_loop: bool = True

    def __post_init__(self) -> None:
        is_bag = self.kind == "bag" and bool(self.bag_file)
        if not (self.source == "device" or is_bag or self.kind == "tcp"):
            raise ConfigError(
                f"source '{self.source}' is not one of 'device', 'bag:<file>', 'tcp://<host>:<port>'."
            )
        if self.kind == "tcp":
            self.address  # noqa: B018  raises
        if self.kind == "bag" and self.record_to:
            raise ConfigError(f"record_to must be empty while {self.source} is replayed.")
        if self.filters.decimation > 1 and self.align_to == "depth":
            raise ConfigError(
                "decimation makes the depth image smaller: it needs align_to: color."
            )
        if self.record_to and not self.record_to.endswith(".db3"):
            raise ConfigError(f"record_to must end in .db3, found '{self.record_to}'.")
        for key in ("depth_size_px", "color_size_px"):
            if min(getattr(self, key)) <= 0:
                raise ConfigError(f"{key} must be positive, found {getattr(self, key)}.")
        for key in _POSITIVE:
            value = getattr(self, key)
            if not (value > 0 and math.isfinite(value)):
                raise ConfigError(f"{key} must be positive, found {value}.")
        if not 0.0 < self.focal_tolerance < 1.0:
            raise ConfigError(f"focal_tolerance must be in (0, 1), found {self.focal_tolerance}.")
        if not 1 <= self.median_frames <= 30:
            raise ConfigError(f"median_frames must be in [1, 30], found {self.median_frames}.")
        if self.visual_preset not in PRESETS:
            raise ConfigError(
                f"Unknown visual_preset '{self.visual_preset}'. Known: {', '.join(PRESETS[1:])}."
            )

    @property
    def kind(self) -> str:
        """`device`, `bag` or `tcp`."""
        return self.source.partition(":")[0]

    @property
    def bag_file(self) -> str:
        """Path of the recording, where `kind` is `bag`."""
        return self.source.partition(":")[2]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, where `kind` is `tcp`."""
        host, _, port = self.source.removeprefix("tcp://").rpartition(":")
        if not (self.source.startswith("tcp://") and host and port.isdigit()):
            raise ConfigError(f"source '{self.source}' is not of the form 'tcp://<host>:<port>'.")
        if not 0 < int(port) < 65536:
            raise ConfigError(f"The port of '{self.source}' must be in [1, 65535].")
        return host, int(port)
