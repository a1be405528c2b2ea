"""What a policy of the closed loop receives at each step: names, layout, and what is kept of heights and ages."""

from dataclasses import dataclass

import numpy as np

from equigrasp.errors import PerceptionError
from equigrasp.perception.observation import GRIPPER, Observation

HEIGHTS = "heights"  # uint16 (C, C), above the workspace floor [0.1 mm], about the TCP
AGE = "age"  # uint8 (C, C), since a cell was last seen [0.1 s]; 255: that or longer
BOUNDS = "bounds"  # float32 (2, 4), smallest and largest dx, dy, dz [m] and dpsi [rad] from here
PICTURE = "picture"  # uint8 (H, W, 3), RGB as the camera sees it, in place of heights and age
TCP = "tcp"  # float64 (4,), x, y, z [m] and yaw [rad] of the TCP in base; not learned from
HEIGHT_UNIT = 1e-4  # [m]
AGE_UNIT = 0.1  # [s]
NUM_GRIPPER_VALUES = 5

_MOST_HEIGHT = np.iinfo(np.uint16).max
_MOST_AGE = np.iinfo(np.uint8).max


@dataclass(frozen=True)
class GripperStatus:
    """State of the gripper, as `GRIPPER` of an observation holds it, in this order.

    Args:
        height: Of the TCP above the workspace floor [m].
        opening: Of the fingers, measured [m].
        is_closed: Whether they were last told to close, and have ended.
        is_stalled: Whether they stalled on something.
        steps_left: Share of the episode's steps that are left, 1 at its beginning.

    Raises:
        PerceptionError: if a number is not finite, or the share is not in [0, 1].
    """

    height: float
    opening: float
    is_closed: bool
    is_stalled: bool
    steps_left: float

    def __post_init__(self) -> None:
        for name in ("height", "opening"):
            if not np.isfinite(getattr(self, name)):
                raise PerceptionError(
                    f"Gripper {name} must be finite, found {getattr(self, name)}."
                )
        if not 0.0 <= self.steps_left <= 1.0:
            raise PerceptionError(f"steps_left must be in [0, 1], found {self.steps_left}.")

    @property
    def array(self) -> np.ndarray:
        """The state as an observation holds it, shape (5,), float32."""
        closed, stalled = float(self.is_closed), float(self.is_stalled)
        values = [self.height, self.opening, closed, stalled, self.steps_left]
        return np.array(values, dtype=np.float32)

    @classmethod
    def of(cls, observation: Observation) -> "GripperStatus":
        """Return the state that an observation holds.

        Raises:
            PerceptionError: if it holds none, or one of another length.
        """
        values = _array(observation, GRIPPER)
        if values.shape != (NUM_GRIPPER_VALUES,):
            raise PerceptionError(
                f"'{GRIPPER}' must have shape ({NUM_GRIPPER_VALUES},), found {values.shape}."
            )
        height, opening, closed, stalled, left = (float(v) for v in values)
        return cls(height, opening, closed > 0.5, stalled > 0.5, left)


def pack_heights(heights: np.ndarray) -> np.ndarray:
    """Return heights above the floor (C, C) [m] as an observation holds them, uint16; below it is 0."""
    counts = np.rint(np.asarray(heights, dtype=np.float64) / HEIGHT_UNIT)
    return np.clip(counts, 0, _MOST_HEIGHT).astype(np.uint16)


def unpack_heights(packed: np.ndarray) -> np.ndarray:
    """Return heights above the floor (..., C, C), float32 [m], of what `pack_heights` made."""
    return np.asarray(packed, dtype=np.float32) * np.float32(HEIGHT_UNIT)


def pack_ages(ages: np.ndarray) -> np.ndarray:
    """Return ages (C, C) [s], inf: never seen, as an observation holds them, uint8."""
    counts = np.rint(np.asarray(ages, dtype=np.float64) / AGE_UNIT)
    return np.clip(counts, 0, _MOST_AGE).astype(np.uint8)


def unpack_ages(packed: np.ndarray) -> np.ndarray:
    """Return ages (..., C, C), float32 [s], of what `pack_ages` made; the largest means that or longer."""
    return np.asarray(packed, dtype=np.float32) * np.float32(AGE_UNIT)


def pack_bounds(lowest: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """Return the smallest and largest motion (4,) [m, m, m, rad] as an observation holds them, (2, 4).

    Raises:
        PerceptionError: if one is not finite, or to stay is not within them.
    """
    bounds = np.stack([lowest, highest]).astype(np.float32)
    _check_bounds(bounds)
    return bounds


def tcp_of(observation: Observation) -> tuple[float, float, float, float]:
    """Return x, y, z [m] and yaw [rad] of the TCP in base.

    With it a motion in the gripper's frame is turned into the base frame (`gripper_frame`).

    Raises:
        PerceptionError: if the observation does not hold them.
    """
    values = _array(observation, TCP)
    if values.shape != (4,):
        raise PerceptionError(f"'{TCP}' must have shape (4,), found {values.shape}.")
    x, y, z, yaw = (float(v) for v in values)
    return x, y, z, yaw


def check_servo_observation(observation: Observation) -> None:
    """Raise `PerceptionError`, naming array and value, unless an observation is one of the closed loop."""
    GripperStatus.of(observation)
    tcp_of(observation)
    _check_bounds(_array(observation, BOUNDS))
    if PICTURE in observation.arrays:
        picture = observation.arrays[PICTURE]
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise PerceptionError(
                f"'{PICTURE}' must be uint8 and of shape (H, W, 3), "
                f"found {picture.dtype}, {picture.shape}."
            )
        return
    heights, age = _array(observation, HEIGHTS), _array(observation, AGE)
    for name, array, dtype in ((HEIGHTS, heights, np.uint16), (AGE, age, np.uint8)):
        if array.dtype != dtype or array.ndim != 2 or array.shape[0] != array.shape[1]:
            raise PerceptionError(
                f"'{name}' must be square and {np.dtype(dtype).name}, "
                f"found {array.shape}, {array.dtype}."
            )
    if heights.shape != age.shape:
        raise PerceptionError(
            f"'{HEIGHTS}' {heights.shape} and '{AGE}' {age.shape} must have the same shape."
        )


def _array(observation: Observation, name: str) -> np.ndarray:
    if name not in observation.arrays:
        held = ", ".join(sorted(observation.arrays)) or "nothing"
        raise PerceptionError(f"The observation holds no '{name}'; it holds {held}.")
    return observation.arrays[name]


def _check_bounds(bounds: np.ndarray) -> None:
    if bounds.shape != (2, 4):
        raise PerceptionError(f"'{BOUNDS}' must have shape (2, 4), found {bounds.shape}.")
    if not np.isfinite(bounds).all():
        raise PerceptionError(f"'{BOUNDS}' holds values that are not finite: {bounds.tolist()}.")
    if (bounds[0] > 0.0).any() or (bounds[1] < 0.0).any():
        raise PerceptionError(
            f"'{BOUNDS}' must allow no motion at all: 0 between smallest and largest, "
            f"found {bounds.tolist()}."
        )
