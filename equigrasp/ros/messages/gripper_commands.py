"""Commands to fingers and how they ended, between openings in metres and what a gripper's action speaks."""

import math
from dataclasses import dataclass
from typing import Any

from control_msgs.action import GripperCommand, ParallelGripperCommand
from sensor_msgs.msg import JointState as JointStateMsg

from equigrasp.devices.cell import GripperConfig
from equigrasp.errors import CommandRejectedError, Device

_SLACK = 5e-3  # [rad] by which drivers count the ends of the stroke differently


@dataclass(frozen=True)
class FingerCommand:
    """Where the fingers go [m], how fast [m/s] and how hard [N] at most; 0: the gripper's own default."""

    width: float
    speed: float
    force: float


@dataclass(frozen=True)
class FingerReport:
    """Where the fingers are [m], the force that they are allowed [N], and whether they have ended."""

    width: float
    force: float
    is_stalled: bool
    has_arrived: bool


class GripperAction:
    """The action of one gripper, as its configuration says: `command` and `command_unit`.

    `GripperCommand` has an effort in newtons and no speed. In `ParallelGripperCommand` the joint's speed
    and effort are in the joint's own units where its position is.

    Args:
        config: The gripper.
    """

    def __init__(self, config: GripperConfig) -> None:
        self._config = config
        self._is_parallel = config.command == "parallel_gripper_command"
        self._in_joint = config.command_unit == "joint"

    @property
    def type(self) -> Any:
        """The ROS action."""
        return ParallelGripperCommand if self._is_parallel else GripperCommand

    def to_goal(self, command: FingerCommand) -> Any:
        """Return a command as a goal."""
        goal = self.type.Goal()
        if self._is_parallel:
            goal.command = self._joint(command.width, command.speed, command.force)
        else:
            goal.command.position = self._position(command.width)
            goal.command.max_effort = float(command.force)
        return goal

    def from_goal(self, goal: Any) -> FingerCommand:
        """Return a goal as a command.

        Raises:
            CommandRejectedError: if it does not say where the joint is to go.
        """
        command = goal.command
        if not self._is_parallel:
            return FingerCommand(self._checked_width(command.position), 0.0, command.max_effort)
        position, velocity, effort = self._of_joint(command)
        if math.isnan(position):
            raise CommandRejectedError(
                f"The goal names joints {list(command.name)} at {list(command.position)}; one position, "
                f"of joint '{self._config.joint_name}', is expected.",
                Device.GRIPPER,
            )
        width = self._checked_width(position)
        speed, force = self._rates(width, 1.0, 1.0)
        return FingerCommand(width, velocity / speed, effort / force)

    def to_result(self, report: FingerReport) -> Any:
        """Return how a command ended."""
        return self._fill(self.type.Result(), report)

    def to_feedback(self, report: FingerReport) -> Any:
        """Return what is told on the way."""
        message = self.type.Feedback()
        if self._is_parallel:
            message.state = self._joint(report.width, 0.0, report.force)
            return message
        return self._fill(message, report)

    def from_result(self, result: Any) -> FingerReport:
        """Return how a command ended; a width that is not told is NaN."""
        position, effort = getattr(result, "position", math.nan), getattr(result, "effort", 0.0)
        if self._is_parallel:
            position, _, effort = self._of_joint(result.state)
        width = math.nan if math.isnan(position) else self._width(position)
        if self._is_parallel and not math.isnan(width):
            effort /= self._rates(width, 1.0, 1.0)[1]
        return FingerReport(width, effort, result.stalled, result.reached_goal)

    def _fill(self, message: Any, report: FingerReport) -> Any:
        if self._is_parallel:
            message.state = self._joint(report.width, 0.0, report.force)
        else:
            message.position = self._position(report.width)
            message.effort = float(report.force)
        message.stalled, message.reached_goal = report.is_stalled, report.has_arrived
        return message

    def _joint(self, width: float, speed: float, force: float) -> JointStateMsg:
        velocity, effort = self._rates(width, speed, force)
        return JointStateMsg(
            name=[self._config.joint_name],
            position=[self._position(width)],
            velocity=[velocity],
            effort=[effort],
        )

    def _of_joint(self, state: JointStateMsg) -> tuple[float, float, float]:
        """Return position, velocity and effort of the joint; a position that is not there is NaN."""
        i, name = 0, self._config.joint_name
        if state.name:
            i = list(state.name).index(name) if name in state.name else -1
        if i < 0 or len(state.position) != max(1, len(state.name)):
            return math.nan, 0.0, 0.0
        velocity = state.velocity[i] if len(state.velocity) > i else 0.0
        effort = state.effort[i] if len(state.effort) > i else 0.0
        return float(state.position[i]), float(velocity), float(effort)

    def _rates(self, width: float, speed: float, force: float) -> tuple[float, float]:
        """Return a speed of the opening and a force as velocity and effort of the command's unit."""
        if not self._in_joint:
            return float(speed), float(force)
        velocity = abs(self._config.joint_velocity(width, speed))
        return float(velocity), float(self._config.joint_effort(width, force))

    def _position(self, width: float) -> float:
        return float(self._config.joint_position(width) if self._in_joint else width)

    def _width(self, position: float) -> float:
        return float(self._config.width(position) if self._in_joint else position)

    def _checked_width(self, position: float) -> float:
        """Return a commanded opening; one beyond the stroke stays one, for `limits` to refuse."""
        if not self._in_joint or self._config.linkage == "prismatic":
            return float(position)
        closed, opened = (
            self._config.joint_position(w) for w in (0.0, self._config.limits.stroke)
        )
        low, high = min(closed, opened), max(closed, opened)
        if not low - _SLACK <= position <= high + _SLACK:  # NaN is not, either
            raise CommandRejectedError(
                f"Joint '{self._config.joint_name}' cannot go to {position}; it moves in "
                f"[{low:.3f}, {high:.3f}] rad.",
                Device.GRIPPER,
            )
        return self._width(position)
