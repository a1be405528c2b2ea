"""What a grasp in closed loop is made of: steps, view, reward and end."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from equigrasp.devices.cell import FRONT
from equigrasp.errors import ConfigError

Frame = Literal["gripper", "base"]
Termination = Literal["guarded", "learned", "scripted"]
Sight = Literal["heights", "picture"]


@dataclass(frozen=True)
class ServoTask:
    """The decision process of QT-Opt (Kalashnikov et al. 2018), and where ours differs from it.

    Args:
        frame: Of crop, bounds and logged motions: the gripper's (`gripper_frame`), or `base`.
        sight: What is seen: a crop of `heights` with their ages, or the camera's `picture`.
        camera: Name of the camera that looks between two steps.
        crop_px: Cells a side of the crop.
        crop_pixel_size: Side of one of its cells [m].
        largest_step: Along the frame's x, y and z [m], and about z [rad].
        max_steps: Of an episode; then it ends as by `is_final`.
        step_penalty: Reward of a step before the last, counted negative.
        discount: Of the value after a step.
        termination: What ends an episode: `is_final` (`learned`); the same, where closed fingers are above
            `success_height` only (`guarded`); or that closed fingers move up above `scripted_height`
            (`scripted`), whatever `is_final` says.
        success_height: Of the TCP above the floor at the end, below which nothing counts as grasped [m].
        scripted_height: See `termination` [m].
        start_height: Of the TCP above the floor [m].
        start_spread: Half side of the square about the workspace's middle in which the TCP begins [m].

    Raises:
        ConfigError: if a value is out of its range; it is named.
    """

    frame: Frame = "gripper"
    sight: Sight = "heights"
    camera: str = FRONT
    crop_px: int = 36
    crop_pixel_size: float = 0.0045
    largest_step: tuple[float, float, float, float] = (0.05, 0.05, 0.06, 0.8)
    max_steps: int = 10
    step_penalty: float = 0.02
    discount: float = 0.9
    termination: Termination = "guarded"
    success_height: float = 0.10
    scripted_height: float = 0.13
    start_height: float = 0.16
    start_spread: float = 0.10

    def __post_init__(self) -> None:
        for key, choices in (("frame", Frame), ("termination", Termination), ("sight", Sight)):
            if getattr(self, key) not in get_args(choices):
                raise ConfigError(
                    f"{key} '{getattr(self, key)}' is not one of {', '.join(get_args(choices))}."
                )
        if len(self.largest_step) != 4:
            raise ConfigError(f"largest_step must be four numbers, found {self.largest_step}.")
        heights = ("success_height", "scripted_height", "start_height", "start_spread")
        named = {key: getattr(self, key) for key in (*heights, "crop_pixel_size")}
        named |= {f"largest_step[{i}]": v for i, v in enumerate(self.largest_step)}
        for key, value in named.items():
            if not (math.isfinite(value) and value > 0.0):
                raise ConfigError(f"{key} must be positive, found {value}.")
        for key in ("crop_px", "max_steps"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} must be at least 1, found {getattr(self, key)}.")
        for key in ("step_penalty", "discount"):
            if not 0.0 <= getattr(self, key) <= 1.0:
                raise ConfigError(f"{key} must be in [0, 1], found {getattr(self, key)}.")

    @property
    def largest(self) -> np.ndarray:
        """`largest_step` as an array, shape (4,)."""
        return np.array(self.largest_step)

    @property
    def ending_height(self) -> float:
        """Of the TCP above the floor, above which closed fingers may end an episode [m]."""
        return self.scripted_height if self.termination == "scripted" else self.success_height
