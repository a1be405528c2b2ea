"""Grasp in closed loop: begin over a tray, step after step as a policy asks, and finish."""

import math
import threading
from dataclasses import dataclass

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.motion import JointTrajectory, MotionState
from equigrasp.errors import CommandRejectedError
from equigrasp.geometry.actions import GripperCommand, GripperStep
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.contact_guard import ServoGuard
from equigrasp.primitives.delivery import Delivery, lift
from equigrasp.primitives.home import return_home, rise_clear
from equigrasp.primitives.motion import Motion, halted_on_error
from equigrasp.primitives.outcome import GraspOutcome, Phase, ServoOutcome
from equigrasp.primitives.phases import OnPhase, Phases
from equigrasp.primitives.pick_planner import PickPlanner
from equigrasp.primitives.place_target import PlaceTarget
from equigrasp.primitives.servo_planner import ServoLimits, ServoPlanner, ServoPose
from equigrasp.primitives.success import make_detector
from equigrasp.primitives.top_down import plan_from_above


@dataclass(frozen=True)
class ServoStart:
    """Where an episode begins: fingers open, the TCP over a workspace.

    Args:
        x: Of the TCP along base x [m].
        y: Of the TCP along base y [m].
        height: Of the TCP above the workspace floor [m].
        yaw: About base +z [rad]; half a turn more is as good.
    """

    x: float
    y: float
    height: float
    yaw: float


@dataclass(frozen=True)
class ServoState:
    """Where the hand is between two steps.

    Args:
        position: Of the TCP in base, x, y, z [m].
        yaw: Of the TCP about base +z, in (-pi, pi] [rad].
        height: Of the TCP above the workspace floor [m].
        opening: Of the fingers, measured [m].
        is_closed: Whether the fingers were last told to close, and have ended.
        is_stalled: Whether they stalled on something.
    """

    position: tuple[float, float, float]
    yaw: float
    height: float
    opening: float
    is_closed: bool
    is_stalled: bool


class _Episode:
    """What lasts from `begin` to `finish`."""

    def __init__(
        self, motion: Motion, phases: Phases, workspace: Workspace, place: PlaceTarget | None
    ) -> None:
        self.motion, self.phases = motion, phases
        self.workspace, self.place = workspace, place
        self.guard: ServoGuard | None = None  # made in free air
        self.is_closed = self.is_contact = False
        self.turned = 0.0
        self.push = np.zeros(3)  # see `ServoPose`


class ServoPrimitive:
    """Carries out episodes of steps on a cell; one at a time.

    Every step is planned, checked and guarded as every other motion is. One that may not be carried out is
    shortened to the nearest that may, at the shortest to none; what was done is reported beside what was asked
    for. While something pushes back from below the hand goes no deeper.

    Args:
        cell: The devices.
        planner: Plans the cell's motions.
        limits: Of the steps.
    """

    def __init__(
        self, cell: RobotCell, planner: MotionPlanner, limits: ServoLimits | None = None
    ) -> None:
        self.cell = cell
        self.planner = planner
        self.detector = make_detector(cell)
        self._steps = ServoPlanner(cell, planner, limits or ServoLimits())
        self._attempts = PickPlanner(cell, planner)
        self._delivery = Delivery(cell, planner)
        self._episode: _Episode | None = None

    @property
    def limits(self) -> ServoLimits:
        """Of the steps."""
        return self._steps.limits

    def begin(
        self,
        workspace: Workspace,
        start: ServoStart,
        place: PlaceTarget | None = None,
        *,
        on_phase: OnPhase = lambda phase: None,
        cancel: threading.Event | None = None,
    ) -> None:
        """Go over a workspace with open fingers.

        Args:
            workspace: Where to grasp.
            start: Where to begin.
            place: Where to put what is held at the end; None: it stays in the fingers.
            on_phase: Called as each phase begins, also those of `finish`.
            cancel: Set from any thread to stop, until the end of `finish`.

        Raises:
            CommandRejectedError: if the start is outside the servo box; nothing moved.
            PerceptionError: if success is detected by picture, and the tray is not to be seen.
            PlanningError: if the start is unreachable or in collision; nothing moved.
            CancelledError: if `cancel` was set; the arm is at rest.
            DeviceError: if a device failed; the arm was told to stop.
        """
        self._episode = None
        motion = Motion(self.cell, cancel or threading.Event())
        episode = _Episode(motion, Phases(self.cell.clock, on_phase), workspace, place)
        episode.phases.enter(Phase.PLANNING)
        motion.check_cancel()
        over = self._check_start(workspace, start)
        self._delivery.begin(self.detector, workspace, place)
        positions = motion.joint_positions()
        with halted_on_error(motion):
            cleared = rise_clear(motion, self.planner, positions)
            approach = plan_from_above(
                self.planner,
                over,
                start.yaw,
                cleared,
                lambda posture, _: self.planner.plan_joints(cleared, posture),
            )
            episode.phases.enter(Phase.PRE_GRASP)
            motion.start_fingers(self.cell.gripper_config.limits.stroke)
            motion.follow(approach)
            motion.wait_for_fingers()
            motion.joint_positions()  # at rest, or what the guard takes for free is not
        episode.guard = ServoGuard(self.cell, self.planner)
        self._episode = episode

    def state(self) -> ServoState:
        """Return where the hand is; errors as `step`."""
        episode = self._require()
        pose, fingers = self._pose(episode), self.cell.gripper.state()
        x, y, z = (float(v) for v in pose.tcp.position)
        return ServoState(
            (x, y, z),
            pose.yaw,
            z - episode.workspace.floor_z,
            fingers.width,
            episode.is_closed,
            fingers.is_stalled,
        )

    def bounds(self, largest: np.ndarray, frame_yaw: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the smallest and largest admissible motion from here; see `ServoPlanner.bounds`."""
        episode = self._require()
        return self._steps.bounds(self._pose(episode), episode.workspace, largest, frame_yaw)

    def step(self, step: GripperStep) -> ServoOutcome:
        """Move as near to what is asked for as may be, then open or close the fingers, and wait for them.

        Raises:
            CommandRejectedError: if no episode has begun; nothing moved.
            CancelledError: if the episode's `cancel` was set; arm and fingers are at rest, and the episode
                is over.
            DeviceError: if a device failed; the arm was told to stop, and the episode is over.
        """
        episode = self._require()
        motion, began = episode.motion, self.cell.clock.now()
        busy = motion.busy_time
        try:
            with halted_on_error(motion):
                motion.check_cancel()
                before = self._pose(episode)
                line = self._steps.plan(step, before, episode.workspace)
                is_blocked = line is not None and self._follow(episode, line)
                after = self._pose(episode)
                episode.push = self._push(episode, step)
                episode.is_contact = is_blocked or bool(episode.push.any())
                gripper = self._move_fingers(episode, step.gripper, after.positions)
        except BaseException:
            self._episode = None
            raise
        turned = _wrapped(after.yaw - before.yaw)
        episode.turned += turned
        dx, dy, dz = (float(v) for v in after.tcp.position - before.tcp.position)
        duration = self.cell.clock.now() - began
        return ServoOutcome(
            step,
            GripperStep((dx, dy, dz), turned, gripper, step.is_final),
            episode.is_contact,
            duration,
            max(0.0, duration - (motion.busy_time - busy)),
        )

    def finish(self) -> GraspOutcome:
        """Lift, verify, and put down over the place of the episode, which ends.

        Open fingers hold nothing, whatever the detector says of their opening.

        Raises:
            CommandRejectedError: if no episode has begun; nothing moved.
            PlanningError: if there is no way to the place; what is held is held above the workspace.
            CancelledError: if the episode's `cancel` was set; the arm is at rest.
            DeviceError: if a device failed; the arm was told to stop.
        """
        episode = self._require()
        self._episode = None
        motion, phases = episode.motion, episode.phases
        with halted_on_error(motion):
            motion.check_cancel()
            phases.enter(Phase.LIFT)
            is_lifted = lift(motion, lambda: self._line_up(motion, episode.workspace))
            phases.enter(Phase.VERIFY)
            fingers = self.cell.gripper.state()
            carry = None
            if episode.place is not None:
                carry = self._attempts.plan_carry(
                    motion.joint_positions(), episode.workspace, episode.place
                )
            is_success = self._delivery.finish(
                motion,
                self.detector,
                episode.workspace,
                carry,
                fingers if is_lifted and episode.is_closed else None,
                phases.enter,
            )
        duration = phases.duration
        return GraspOutcome(
            is_success=is_success,
            is_object_held=is_success and episode.place is None,
            finger_width=fingers.width,
            duration=duration,
            idle_time=max(0.0, duration - motion.busy_time),
            is_contact=episode.is_contact,
            phase_times=phases.times,
        )

    def go_home(
        self, *, on_phase: OnPhase = lambda phase: None, cancel: threading.Event | None = None
    ) -> None:
        """End the episode, if there is one, and move to the home position; errors as `begin`."""
        self._episode = None
        on_phase(Phase.HOME)
        return_home(Motion(self.cell, cancel or threading.Event()), self.planner)

    def _check_start(self, workspace: Workspace, start: ServoStart) -> tuple[float, float, float]:
        """Return the TCP's position at the start [m]; raise `CommandRejectedError` outside the box."""
        over = (start.x, start.y, workspace.floor_z + start.height)
        lower, upper = self._steps.box(workspace)
        if not all(low <= v <= high for v, low, high in zip(over, lower, upper, strict=True)):
            raise CommandRejectedError(
                f"A servo start at ({over[0]:.3f}, {over[1]:.3f}, {over[2]:.3f}) m is outside the "
                f"box of workspace '{workspace.name}': {lower.round(3).tolist()} to "
                f"{upper.round(3).tolist()} m."
            )
        if not math.isfinite(start.yaw):
            raise CommandRejectedError(f"Servo yaw must be finite, found {start.yaw}.")
        return over

    def _require(self) -> _Episode:
        if self._episode is None:
            raise CommandRejectedError("No servo episode has begun, or it has ended: begin one.")
        return self._episode

    def _pose(self, episode: _Episode) -> ServoPose:
        positions = episode.motion.joint_positions()
        tcp = self.planner.forward_kinematics(positions)
        return ServoPose(positions, tcp, episode.turned, episode.is_closed, episode.push)

    def _follow(self, episode: _Episode, line: JointTrajectory) -> bool:
        """Follow a planned step; tell whether something stopped it."""
        assert episode.guard is not None
        episode.guard.begin_motion()
        state = episode.motion.follow(line, guard=episode.guard.pushes_back)
        return state is not MotionState.SUCCEEDED

    def _push(self, episode: _Episode, step: GripperStep) -> np.ndarray:
        """Return the direction in which something pushes the hand at rest, see `ServoPose`.

        From below, where the vertical force says so; else against the way of the step. By the sign of a
        measured force no maker agrees with the other.
        """
        assert episode.guard is not None
        if not episode.guard.is_pressed():
            return np.zeros(3)
        if episode.guard.is_pressed_from_below():
            return np.array([0.0, 0.0, 1.0])
        way = np.array([*step.d_position[:2], 0.0])
        if episode.push.any() or not way.any():
            return episode.push
        return np.asarray(-way / np.linalg.norm(way))

    def _move_fingers(
        self, episode: _Episode, command: GripperCommand, positions: np.ndarray
    ) -> GripperCommand:
        """Open or close where that changes something and touches nothing fixed; return what was done."""
        is_change = command == ("open" if episode.is_closed else "close")
        if not is_change or not self._steps.may_move_fingers(positions):
            return "none"
        width = 0.0 if command == "close" else self.cell.gripper_config.limits.stroke
        episode.motion.start_fingers(width)
        episode.motion.wait_for_fingers()
        episode.is_closed = command == "close"
        return command

    def _line_up(self, motion: Motion, workspace: Workspace) -> JointTrajectory:
        """Return the straight way up to where a lift ends, at most to the top of the safety box."""
        settings, positions = self.cell.config.motion, motion.joint_positions()
        tcp = self.planner.forward_kinematics(positions)
        x, y, z = tcp.position
        top = min(workspace.floor_z + settings.lift_height, self.cell.config.safety.box.upper[2])
        goal = Transform(np.array([x, y, max(z, top)]), tcp.quat_xyzw)
        return self.planner.plan_line(positions, goal, settings.approach_speed)


def _wrapped(angle: float) -> float:
    """Return an angle in [-pi, pi)."""
    return (angle + math.pi) % (2.0 * math.pi) - math.pi
