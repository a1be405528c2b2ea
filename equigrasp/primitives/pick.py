"""Grasp, lift, verify, and put down: one attempt of a robot cell."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from equigrasp.devices.arm import JointTrajectory, MotionState
from equigrasp.devices.cell import RobotCell
from equigrasp.errors import CollisionError, PlanningError, UnreachableError
from equigrasp.geometry.actions import GraspAction
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.motion import Motion
from equigrasp.primitives.outcome import GraspOutcome, Phase
from equigrasp.primitives.validation import check_grasp, check_position

_LOGGER = logging.getLogger(__name__)
_VIEW_MARGIN = 0.08  # [m] the TCP must be this far outside a workspace to leave its view free
_GUARD_DELAY = 0.10  # [s] of a descent before the force guard listens: the start-up jerk

OnPhase = Callable[[Phase], None]


@dataclass(frozen=True)
class PlaceTarget:
    """Where to let an object go: over (`x`, `y`) of a workspace [m] with yaw `theta` [rad]."""

    workspace: Workspace
    x: float
    y: float
    theta: float


def sample_place(workspace: Workspace, spread: float, rng: np.random.Generator) -> PlaceTarget:
    """Draw a drop place about a workspace's centre, normal with deviation `spread` [m].

    The draw is held to two thirds of the action square (asr page, section 9: ± 0.125 m) so that
    nothing lands beside the tray.
    """
    half = workspace.action_size_px * workspace.pixel_size / 3.0
    dx, dy = np.clip(rng.normal(0.0, spread, 2), -half, half)
    theta = float(rng.uniform(0.0, np.pi))
    return PlaceTarget(workspace, workspace.center_x + dx, workspace.center_y + dy, theta)


@dataclass(frozen=True, eq=False)
class _Plan:
    pre_grasp: JointTrajectory
    descend: JointTrajectory
    lift_pose: Transform


class PickPrimitive:
    """Carries out top-down grasps on a cell; one at a time."""

    def __init__(self, cell: RobotCell, planner: MotionPlanner) -> None:
        self.cell = cell
        self.planner = planner

    def execute(
        self,
        grasp: GraspAction,
        workspace: Workspace,
        place: PlaceTarget | None,
        *,
        on_phase: OnPhase = lambda phase: None,
        cancel: threading.Event | None = None,
    ) -> GraspOutcome:
        """Pre-grasp, descend, close, lift, verify, and put down over `place` where it is given.

        After a miss the arm goes over `place` all the same, so that the camera sees the tray.
        `on_phase(Phase.PLACE)` is called when the arm has left the view of `workspace`.

        Args:
            grasp: What to try.
            workspace: Where it lies.
            place: Where to put the object; None: hold it above the workspace.
            on_phase: Called as each phase begins.
            cancel: Set from any thread to stop.

        Raises:
            CommandRejectedError: if the goal is outside the cell's limits; nothing moved.
            PlanningError: if it is unreachable or in collision; nothing moved.
            CancelledError: if `cancel` was set; the arm is at rest.
            DeviceError: if a device failed; the arm was told to stop.
        """
        motion = Motion(self.cell, cancel or threading.Event())
        clock = self.cell.clock
        began = clock.now()
        phases: dict[str, float] = {}

        def enter(phase: Phase) -> None:
            phases[phase.name.lower()] = clock.now() - began
            on_phase(phase)

        enter(Phase.PLANNING)
        check_grasp(grasp, workspace, self.cell)
        plan = self._plan(grasp, motion.joint_positions())
        settings = self.cell.config.motion
        enter(Phase.PRE_GRASP)
        motion.start_fingers(grasp.width)
        motion.follow(plan.pre_grasp)
        motion.wait_for_fingers()
        enter(Phase.DESCEND)
        is_contact = self._descend(motion, plan.descend)
        enter(Phase.CLOSE)
        motion.start_fingers(0.0, settings.grasp_force)
        motion.wait_for_fingers()
        enter(Phase.LIFT)
        motion.follow(
            self.planner.plan_line(
                motion.joint_positions(), plan.lift_pose, settings.approach_speed
            )
        )
        enter(Phase.VERIFY)
        width = self.cell.gripper.state().width
        is_success = width > self.cell.gripper_config.held_width
        if place is not None:
            self._put_down(motion, workspace, place, is_success, lambda: enter(Phase.PLACE))
        duration = clock.now() - began
        return GraspOutcome(
            is_success=is_success,
            is_object_held=is_success and place is None,
            finger_width=width,
            duration=duration,
            idle_time=max(0.0, duration - motion.busy_time),
            is_contact=is_contact,
            phase_times=phases,
        )

    def go_home(
        self, *, on_phase: OnPhase = lambda phase: None, cancel: threading.Event | None = None
    ) -> None:
        """Move to the home position, out of the camera's view; errors as `execute`."""
        motion = Motion(self.cell, cancel or threading.Event())
        home = np.asarray(self.cell.arm_config.home_positions)
        on_phase(Phase.HOME)
        start = motion.joint_positions()
        if np.abs(home - start).max() > 1e-3:
            motion.follow(self.planner.plan_joints(self._clear(motion, start), home))

    def _plan(self, grasp: GraspAction, start: np.ndarray) -> _Plan:
        """Choose the nearer of the two equal yaws and plan everything up to the grasp."""
        settings = self.cell.config.motion
        above = grasp.z + settings.approach_height
        check_position(grasp.x, grasp.y, above, self.cell)
        error: PlanningError | None = None
        candidates = []
        for theta in (grasp.theta, grasp.theta + np.pi, grasp.theta - np.pi):
            try:
                pose = Transform.top_down(grasp.x, grasp.y, above, theta)
                candidates.append((self.planner.inverse_kinematics(pose, start), theta))
            except (UnreachableError, CollisionError) as failure:
                error = failure
        candidates.sort(key=lambda c: float(np.abs(c[0] - start).max()))
        for positions, theta in candidates:
            try:
                down = Transform.top_down(grasp.x, grasp.y, grasp.z, theta)
                descend = self.planner.plan_line(positions, down, settings.approach_speed)
                self.planner.check(descend.positions[-1], "The grasp")
                pre_grasp = self.planner.plan_joints(start, positions)
            except PlanningError as failure:
                error = failure
                continue
            lift = Transform.top_down(grasp.x, grasp.y, grasp.z + settings.lift_height, theta)
            return _Plan(pre_grasp, descend, lift)
        assert error is not None
        raise error

    def _descend(self, motion: Motion, trajectory: JointTrajectory) -> bool:
        """Descend until the grasp height, or until something pushes back; tell which."""
        arm, clock = self.cell.arm, self.cell.clock
        began, limit = clock.now(), self.cell.config.motion.contact_force

        def pushes_back() -> bool:
            if clock.now() - began < _GUARD_DELAY:
                return False
            state = arm.joint_state()
            force = self.planner.external_force(state.positions, state.velocities, state.efforts)
            return bool(force[2] > limit)

        state = motion.follow(trajectory, guard=pushes_back)
        return state is not MotionState.SUCCEEDED

    def _put_down(
        self,
        motion: Motion,
        workspace: Workspace,
        place: PlaceTarget,
        is_held: bool,
        on_clear: Callable[[], None],
    ) -> None:
        settings = self.cell.config.motion
        start = motion.joint_positions()
        z = place.workspace.floor_z + settings.place_height
        check_position(place.x, place.y, z, self.cell)
        goals = [Transform.top_down(place.x, place.y, z, place.theta + k * np.pi) for k in (0, 1)]
        positions = min(
            (self.planner.inverse_kinematics(goal, start) for goal in goals),
            key=lambda q: float(np.abs(q - start).max()),
        )
        has_cleared = False

        def watch_view() -> bool:
            nonlocal has_cleared
            if not has_cleared:
                tcp = self.planner.forward_kinematics(motion.joint_positions()).position
                has_cleared = _is_outside(tcp, workspace)
                if has_cleared:
                    on_clear()
            return False

        state = motion.follow(self.planner.plan_joints(start, positions), guard=watch_view)
        if state is not MotionState.SUCCEEDED:
            raise PlanningError("The way to the place target was blocked.")
        if not has_cleared:
            on_clear()
        if is_held:
            motion.start_fingers(self.cell.gripper_config.limits.stroke)
            motion.wait_for_fingers()

    def _clear(self, motion: Motion, start: np.ndarray) -> np.ndarray:
        """Rise straight where the TCP is low, and return where the arm then is."""
        tcp = self.planner.forward_kinematics(start)
        height = self.cell.config.motion.place_height
        if tcp.position[2] >= height:
            return start
        target = Transform(np.array([*tcp.position[:2], height]), tcp.quat_xyzw)
        try:
            line = self.planner.plan_line(start, target, self.cell.config.motion.approach_speed)
        except UnreachableError:
            _LOGGER.warning("No straight way up from where the arm is; moving home directly.")
            return start
        motion.follow(line)
        return motion.joint_positions()


def _is_outside(position: np.ndarray, workspace: Workspace) -> bool:
    half = workspace.size / 2.0 + _VIEW_MARGIN - 0.05
    return bool(
        abs(position[0] - workspace.center_x) > half
        or abs(position[1] - workspace.center_y) > half
    )
