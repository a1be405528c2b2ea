"""Plan the steps of a gripper in closed loop: each the nearest that may be carried out."""

import math
from dataclasses import dataclass, field

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.motion import JointState, JointTrajectory
from equigrasp.errors import CommandRejectedError, ConfigError, PlanningError
from equigrasp.geometry.actions import GripperStep
from equigrasp.geometry.gripper_frame import to_base_frame
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.planning.trajectory_check import TrajectoryCheck

_STILL = (2e-4, 2e-3)  # [m], [rad] a step with less of both does not move the arm
_HALVINGS = 5  # of a step that cannot be made whole: what is left is right to 1/32 of it
_CHECK_TURN = (
    0.05  # [rad] between two postures of a step that are held against the cell: 45 mm at most
)
_WRIST_MARGIN = 0.05  # [rad] kept to the limits of the last joint
_WRIST_PROBE = 0.01  # [rad]
_AGAINST = 0.5  # share of an axis against a push from which on there is no going along it


@dataclass(frozen=True)
class ServoLimits:
    """How far a step goes, and where the TCP may be.

    Args:
        horizontal: Longest horizontal way of a step [m].
        vertical: Longest vertical way of a step [m].
        turn: Largest turn of a step [rad].
        lowest: Of the TCP above the workspace floor [m].
        highest: Of the TCP above the workspace floor [m].
        wind_up: Largest turn away from the yaw at the beginning of the episode, all steps together [rad].

    Raises:
        ConfigError: if a number is not positive, or lowest is not below highest.
    """

    horizontal: float = 0.0708  # 5 cm each way
    vertical: float = 0.06
    turn: float = 0.8
    lowest: float = 0.010
    highest: float = 0.25
    wind_up: float = math.pi

    def __post_init__(self) -> None:
        for key in ("horizontal", "vertical", "turn", "lowest", "highest", "wind_up"):
            value = getattr(self, key)
            if not (math.isfinite(value) and value > 0.0):
                raise ConfigError(f"Servo {key} must be positive, found {value}.")
        if self.lowest >= self.highest:
            raise ConfigError(f"Servo lowest {self.lowest} must be below highest {self.highest}.")


@dataclass(frozen=True, eq=False)
class ServoPose:
    """Where the arm stands in an episode.

    Args:
        positions: Of its joints, shape (n,) [rad].
        tcp: `T_base_tcp`, as pointing down.
        turned: Since the beginning of the episode, all steps together [rad].
        is_closed: Whether the fingers were told to close.
        push: Direction in which something pushes the hand, unit vector in base, shape (3,); zeros: nothing
            does. Against it the hand goes no further.
    """

    positions: np.ndarray
    tcp: Transform
    turned: float
    is_closed: bool
    push: np.ndarray = field(default_factory=lambda: np.zeros(3))

    @property
    def yaw(self) -> float:
        """Of the TCP about base +z, in (-pi, pi] [rad]."""
        x, y, _ = self.tcp.rotation.apply([1.0, 0.0, 0.0])
        return math.atan2(y, x)


class ServoPlanner:
    """Plans steps within one workspace.

    Args:
        cell: The devices; none is moved.
        planner: Of the cell.
        limits: Of the steps.
    """

    def __init__(self, cell: RobotCell, planner: MotionPlanner, limits: ServoLimits) -> None:
        self._cell, self._planner, self.limits = cell, planner, limits
        self._check = TrajectoryCheck(cell.config)

    def box(self, workspace: Workspace) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper corner of where the TCP may be, (3,) each [m].

        It is the workspace's action square between the limits' heights, within the cell's safety box.
        """
        half = workspace.action_size_px * workspace.pixel_size / 2.0
        middle = np.array([workspace.center_x, workspace.center_y])
        floor, safety = workspace.floor_z, self._cell.config.safety.box
        lower = np.array([*(middle - half), floor + self.limits.lowest])
        upper = np.array([*(middle + half), floor + self.limits.highest])
        return np.maximum(lower, safety.lower), np.minimum(upper, safety.upper)

    def bounds(
        self, pose: ServoPose, workspace: Workspace, largest: np.ndarray, frame_yaw: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the smallest and largest dx, dy, dz [m] and dpsi [rad] that are admissible, (4,) each.

        Each holds where the step goes along this axis alone: towards a corner of the box two of them
        together may lead out of it, and such a step is shortened. What would collide is not known here.

        Args:
            pose: Where the arm stands.
            workspace: Where it works.
            largest: Step along each axis, shape (4,) [m, m, m, rad].
            frame_yaw: Of the frame of the step about base +z [rad].
        """
        lower, upper = (corner - pose.tcp.position for corner in self.box(workspace))
        lowest, highest = -np.asarray(largest, dtype=float), np.array(largest, dtype=float)
        axes = np.eye(3)
        axes[:2] = to_base_frame(np.eye(4), frame_yaw)[:2, :3]
        for i, axis in enumerate(axes):
            is_pushed = axis @ pose.push
            back = 0.0 if is_pushed > _AGAINST else _way_out(-axis, lower, upper)
            ahead = 0.0 if is_pushed < -_AGAINST else _way_out(axis, lower, upper)
            lowest[i], highest[i] = max(lowest[i], -back), min(highest[i], ahead)
        turns = self._turns(pose)
        lowest[3], highest[3] = max(lowest[3], turns[0]), min(highest[3], turns[1])
        return lowest, highest

    def plan(
        self, step: GripperStep, pose: ServoPose, workspace: Workspace
    ) -> JointTrajectory | None:
        """Plan the nearest motion to a step's that may be carried out: straight, at rest at both ends.

        Its size is held to the limits, its end to the box and the wind-up; where the way there touches
        something or breaks a limit of the cell, it ends earlier.

        Args:
            step: What is asked for.
            pose: Where the arm stands.
            workspace: Where it works.

        Returns:
            None where the arm stays.
        """
        way, turn = self._held_to_limits(step, pose, workspace)
        if not self._is_free(pose.positions, pose.is_closed):
            # In contact there is one way out that meets nothing new.
            return self._line(pose, np.array([0.0, 0.0, max(0.0, way[2])]), 0.0, 1.0, leaves=True)
        whole = self._line(pose, way, turn, 1.0)
        if whole is not None or _is_still(way, turn):
            return whole
        best, low, high = None, 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            found = self._line(pose, way, turn, middle)
            if found is None:
                high = middle
            else:
                best, low = found, middle
        return best

    def may_move_fingers(self, positions: np.ndarray) -> bool:
        """Tell whether fingers may open or close at joint positions (n,) [rad]: neither touches the cell."""
        return self._is_free(positions, is_closed=True)

    def _held_to_limits(
        self, step: GripperStep, pose: ServoPose, workspace: Workspace
    ) -> tuple[np.ndarray, float]:
        """Return way (3,) [m] and turn [rad] of the nearest step within sizes, box and wind-up."""
        limits, position = self.limits, pose.tcp.position
        way = np.array(step.d_position, dtype=float)
        horizontal = float(np.hypot(way[0], way[1]))
        way[:2] *= min(1.0, limits.horizontal / max(horizontal, 1e-12))
        way[2] = float(np.clip(way[2], -limits.vertical, limits.vertical))
        lower, upper = self.box(workspace)
        way = np.clip(position + way, np.minimum(lower, position), np.maximum(upper, position))
        way -= position
        way -= min(0.0, float(way @ pose.push)) * pose.push
        turn = float(np.clip(step.d_theta, -limits.turn, limits.turn))
        return way, float(np.clip(turn, *self._turns(pose)))

    def _turns(self, pose: ServoPose) -> tuple[float, float]:
        """Return the smallest and largest turn from here [rad]: wind-up, and room of the last joint."""
        lowest, highest = -self.limits.wind_up - pose.turned, self.limits.wind_up - pose.turned
        joints, last = self._cell.arm_config.limits, pose.positions[-1]
        probed = pose.positions.copy()
        probed[-1] += _WRIST_PROBE
        turned = self._planner.forward_kinematics(probed).rotation
        before = self._planner.forward_kinematics(pose.positions).rotation
        sense = float(np.sign((turned * before.inv()).as_rotvec()[2]))
        room = joints.lower[-1] + _WRIST_MARGIN - last, joints.upper[-1] - _WRIST_MARGIN - last
        ends = sorted(sense * r for r in room)
        return min(0.0, max(lowest, ends[0])), max(0.0, min(highest, ends[1]))

    def _line(
        self, pose: ServoPose, way: np.ndarray, turn: float, share: float, leaves: bool = False
    ) -> JointTrajectory | None:
        """Return a share of a motion if it may be carried out; None otherwise, and if it is none.

        Args:
            pose: Where it begins.
            way: Of the TCP, shape (3,) [m].
            turn: About base +z [rad].
            share: How much of both.
            leaves: Whether the arm stands in contact, so that only the end counts.
        """
        if _is_still(share * way, share * turn):
            return None
        x, y, z = pose.tcp.position + share * way
        goal = Transform.top_down(x, y, z, pose.yaw + share * turn)
        settings = self._cell.config.motion
        speed = settings.approach_speed
        if way[2] < 0.0:
            speed = min(speed, settings.descent_speed)
        try:
            line = self._planner.plan_line(pose.positions, goal, speed)
            present = JointState(0.0, pose.positions, *np.zeros((2, len(pose.positions))))
            self._check.check(line, present)
        except (PlanningError, CommandRejectedError):
            return None
        postures = line.positions[-1:] if leaves else _spread(line.positions)
        return line if all(self._is_free(q, pose.is_closed) for q in postures) else None

    def _is_free(self, positions: np.ndarray, is_closed: bool) -> bool:
        """Tell whether nothing is touched: by open fingers, which are wide, and by closed ones, which reach lower.

        How far apart fingers are that hold something, the scene does not know.
        """
        try:
            self._planner.check(positions, "The step")
            if is_closed:
                self._planner.check(positions, "The step", has_closed_fingers=True)
        except PlanningError:
            return False
        return True


def _is_still(way: np.ndarray, turn: float) -> bool:
    return bool(np.linalg.norm(way) < _STILL[0]) and abs(turn) < _STILL[1]


def _spread(positions: np.ndarray) -> np.ndarray:
    """Return postures (K, n) [rad] along a line, its end included, not far from one another."""
    passed = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(positions, axis=0)).max(axis=1))])
    marks = np.linspace(0.0, passed[-1], 1 + max(1, math.ceil(passed[-1] / _CHECK_TURN)))[1:]
    return np.asarray(positions[np.searchsorted(passed, marks - 1e-12)])


def _way_out(direction: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """Return how far one can go in a direction, (3,), until a side of a box is reached [m].

    Args:
        direction: Unit vector.
        lower: Lower corner of the box, from where one stands [m].
        upper: Upper corner.
    """
    ways = [
        (up if part > 0.0 else low) / part
        for part, low, up in zip(direction, lower, upper, strict=True)
        if abs(part) > 1e-9
    ]
    return max(0.0, min(ways))
