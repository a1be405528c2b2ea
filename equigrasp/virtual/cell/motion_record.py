"""How an arm truly moved, held against the limits of its cell."""

import math
import threading
from dataclasses import dataclass

import numpy as np

from equigrasp.devices.cell import CellConfig
from equigrasp.devices.motion import JointState
from equigrasp.planning.trajectory_check import TrajectoryCheck

_CHUNK = 250  # samples that are looked at together
_SLACK = 1.01  # of a speed or acceleration, as the check of a trajectory allows it
_ROOM = 1e-3  # [m], [rad]
_WINDOW = 6  # samples, 50 ms, over which the acceleration is a mean


@dataclass
class RecordRow:
    """The sample of one quantity that came nearest to its limit, or farthest beyond.

    Args:
        quantity: What it is, with its unit.
        limit: What is allowed.
        extreme: The most extreme value.
        where: Joint or axis of it.
        num_samples: Values looked at, one a sample.
        num_beyond: Samples in which the limit was exceeded.
        excess: How far beyond its limit that value is, less what is allowed for rounding and noise;
            of speeds and accelerations as a share of the limit.
    """

    quantity: str
    limit: float = 0.0
    extreme: float = 0.0
    where: str = ""
    num_samples: int = 0
    num_beyond: int = 0
    excess: float = -math.inf

    def take(
        self, values: np.ndarray, limits: np.ndarray, excess: np.ndarray, names: tuple[str, ...]
    ) -> None:
        """Take in samples, shape (T, k), their limits, (k,), and how far beyond them, (T, k)."""
        self.num_samples += len(values)
        self.num_beyond += int((excess > 0.0).any(axis=1).sum())
        t, i = np.unravel_index(int(excess.argmax()), excess.shape)
        if excess[t, i] > self.excess:
            self.excess, self.where = float(excess[t, i]), names[i]
            self.extreme, self.limit = float(values[t, i]), float(limits[i])


class MotionRecord:
    """Takes samples at a controller's rate; one record a cell.

    Places and speeds are measured ones; a TCP's speed is the mean between two samples. Accelerations are
    those that the controller commands to its joints, from one sample to the next and as means over
    50 ms: a servo answers each set-point that comes early or late with a jerk. Of a joint that slows
    down, the limit is that of a stop; one that turns back is taken to slow down as fast as it may, and to
    speed up in the time that is left.

    Args:
        cell: Its limits and kinematics.
    """

    def __init__(self, cell: CellConfig) -> None:
        self._cell, self._arm = cell, cell.load_arm()
        self._check = TrajectoryCheck(cell)
        self._lock = threading.Lock()
        self._samples: list[tuple[float, float, np.ndarray, np.ndarray, np.ndarray]] = []
        self._rows = {
            name: RecordRow(name)
            for name in (
                "joint position, lower [rad]",
                "joint position, upper [rad]",
                "joint speed [rad/s]",
                "joint acceleration over 50 ms, speeding up [rad/s²]",
                "joint acceleration over 50 ms, slowing down [rad/s²]",
                "joint acceleration in one cycle, speeding up [rad/s²]",
                "joint acceleration in one cycle, slowing down [rad/s²]",
                "TCP and fingertips, lower [m]",
                "TCP and fingertips, upper [m]",
                "height of elbow, wrists, flange [m]",
                "TCP speed [m/s]",
            )
        }

    def add(self, time: float, joints: JointState, commanded: np.ndarray) -> None:
        """Take in one sample: the controller's time [s], measured joints, commanded speeds (n,) [rad/s]."""
        with self._lock:
            if self._samples and joints.stamp <= self._samples[-1][1]:
                return  # the controller's cycle was shorter than a step of physics
            self._samples.append(
                (time, joints.stamp, joints.positions, joints.velocities, commanded)
            )
            if len(self._samples) >= _CHUNK:
                self._digest()

    def rows(self) -> list[RecordRow]:
        """Return what was found so far."""
        with self._lock:
            if len(self._samples) > 1:
                self._digest()
            return list(self._rows.values())

    def _digest(self) -> None:
        columns = map(np.array, zip(*self._samples, strict=True))
        times, stamps, positions, velocities, commanded = columns
        self._samples = self._samples[-1:]  # the next chunk's differences begin with it
        limits, safety = self._arm.limits, self._cell.safety
        names = self._arm.joint_names
        step = np.diff(stamps)[:, None]
        self._hold("joint position, lower [rad]", positions[1:], limits.lower, names, -1.0)
        self._hold("joint position, upper [rad]", positions[1:], limits.upper, names)
        self._hold_rate("joint speed [rad/s]", np.abs(velocities[1:]), limits.velocities, names)
        self._hold_accelerations("in one cycle", times, commanded, 1)
        self._hold_accelerations("over 50 ms", times, commanded, _WINDOW)
        tool, heights = self._check.places(positions)
        points, heights = tool[1:, :3].reshape(-1, 9), heights[1:]
        axes = tuple(f"{p} {a}" for p in ("TCP", "fingertip", "fingertip") for a in "xyz")
        box = safety.box
        self._hold("TCP and fingertips, lower [m]", points, 3 * box.lower, axes, -1.0)
        self._hold("TCP and fingertips, upper [m]", points, 3 * box.upper, axes)
        links = (*names[2:], "flange")
        low = (safety.link_height,) * heights.shape[1]
        self._hold("height of elbow, wrists, flange [m]", heights, low, links, -1.0)
        speeds = np.linalg.norm(np.diff(tool[:, 0], axis=0), axis=1, keepdims=True) / step
        self._hold_rate("TCP speed [m/s]", speeds, (safety.tcp_speed,), ("TCP",))

    def _hold_accelerations(
        self, span: str, times: np.ndarray, commanded: np.ndarray, width: int
    ) -> None:
        if len(times) <= width:
            return
        spans = (times[width:] - times[:-width])[:, None]
        before, after = commanded[:-width], commanded[width:]
        change = np.abs(after - before) / spans
        is_up = np.abs(after) > np.abs(before)
        limits, names = self._arm.limits, self._arm.joint_names
        # A joint that turns back slows down first, in the least time allowed, and speeds up in the rest.
        turns = before * after < 0.0
        left = spans - np.abs(before) / np.asarray(limits.stop_accelerations)
        up = np.where(turns & (left > 0.0), np.abs(after) / np.maximum(left, 1e-9), change)
        up = np.where(turns | is_up, up, 0.0)
        down = np.where(turns, np.abs(before) / spans, np.where(is_up, 0.0, change))
        for what, values, bounds in (
            ("speeding up", up, limits.accelerations),
            ("slowing down", down, limits.stop_accelerations),
        ):
            self._hold_rate(f"joint acceleration {span}, {what} [rad/s²]", values, bounds, names)

    def _hold(
        self,
        quantity: str,
        values: np.ndarray,
        limits: tuple[float, ...],
        names: tuple[str, ...],
        sign: float = 1.0,
    ) -> None:
        bounds = np.asarray(limits)
        self._rows[quantity].take(values, bounds, sign * (values - bounds) - _ROOM, names)

    def _hold_rate(
        self, quantity: str, values: np.ndarray, limits: tuple[float, ...], names: tuple[str, ...]
    ) -> None:
        bounds = np.asarray(limits)
        self._rows[quantity].take(values, bounds, values / bounds - _SLACK, names)
