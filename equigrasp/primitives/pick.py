"""Grasp, lift, verify, and put down: one attempt of a robot cell."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from equigrasp.devices.arm import JointTrajectory, MotionState
from equigrasp.devices.cell import RobotCell
from equigrasp.devices.gripper import GripperState
from equigrasp.errors import (
    CollisionError,
    CommandRejectedError,
    DeviceError,
    PerceptionError,
    PlanningError,
    UnreachableError,
)
from equigrasp.geometry.actions import GraspAction
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import Observation
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.planning.object_field import ObjectField
from equigrasp.primitives.motion import Motion
from equigrasp.primitives.outcome import GraspOutcome, Phase
from equigrasp.primitives.success import make_detector
from equigrasp.primitives.validation import check_grasp, check_position

_LOGGER = logging.getLogger(__name__)
_GUARD_DELAY = 0.10  # [s] of a descent before the force guard listens: the start-up jerk
_LIFT_TOLERANCE = (
    0.02  # [rad] farther from the planned end of the descent the lift is planned anew
)

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
    """All motions of an attempt; `carry` is None where the object stays in the fingers."""

    pre_grasp: JointTrajectory
    descend: JointTrajectory
    lift_pose: Transform
    lift: JointTrajectory
    carry: JointTrajectory | None


class PickPrimitive:
    """Carries out top-down grasps on a cell; one at a time."""

    def __init__(self, cell: RobotCell, planner: MotionPlanner) -> None:
        self.cell = cell
        self.planner = planner
        self.detector = make_detector(cell)

    def execute(
        self,
        grasp: GraspAction,
        workspace: Workspace,
        place: PlaceTarget | None,
        *,
        observation: Observation | None = None,
        on_phase: OnPhase = lambda phase: None,
        cancel: threading.Event | None = None,
    ) -> GraspOutcome:
        """Pre-grasp, descend, close, lift, verify, and put down over `place` where it is given.

        All is planned before anything moves. The arm goes over `place` after a miss, too: the camera
        must see the tray. `on_phase(Phase.PLACE)` is called once it does, at the latest over the place.

        Args:
            grasp: What to try.
            workspace: Where it lies.
            place: Where to put the object; None: hold it above the workspace.
            observation: What the grasp was chosen on; its objects are planned round.
            on_phase: Called as each phase begins.
            cancel: Set from any thread to stop.

        Raises:
            CommandRejectedError: if the goal is outside the cell's limits; nothing moved.
            PerceptionError: if success is detected by picture, and the tray is not to be seen.
            PlanningError: if it is unreachable or in collision; nothing moved.
            CancelledError: if `cancel` was set; the arm is at rest.
            DeviceError: if a device failed; the arm was told to stop.
        """
        motion = Motion(self.cell, cancel or threading.Event())
        clock, began = self.cell.clock, self.cell.clock.now()
        phases: dict[str, float] = {}

        def enter(phase: Phase) -> None:
            phases[phase.name.lower()] = clock.now() - began
            on_phase(phase)

        enter(Phase.PLANNING)
        motion.check_cancel()
        check_grasp(grasp, workspace, self.cell)
        self._begin_detection(workspace, place)
        with self._avoiding_objects(grasp, observation):
            plan = self._plan(grasp, workspace, place, motion.joint_positions())
        with _halted_on_error(motion):
            is_contact = self._grasp(motion, grasp, plan, enter)
            is_lifted = self._lift(motion, plan, enter)
            enter(Phase.VERIFY)
            fingers = self.cell.gripper.state()
            is_success = self._finish(motion, workspace, plan, is_lifted, fingers, enter)
        duration = clock.now() - began
        return GraspOutcome(
            is_success=is_success,
            is_object_held=is_success and place is None,
            finger_width=fingers.width,
            duration=duration,
            idle_time=max(0.0, duration - motion.busy_time),
            is_contact=is_contact,
            phase_times=phases,
        )

    def go_home(
        self, *, on_phase: OnPhase = lambda phase: None, cancel: threading.Event | None = None
    ) -> None:
        """Move to the home position, out of the camera's view; errors as `execute`."""
        on_phase(Phase.HOME)
        self._return_home(Motion(self.cell, cancel or threading.Event()))

    def _return_home(self, motion: Motion) -> None:
        home = np.asarray(self.cell.arm_config.home_positions)
        start = motion.joint_positions()
        if np.abs(home - start).max() > 1e-3:
            with _halted_on_error(motion):
                motion.follow(self.planner.plan_joints(self._clear(motion, start), home))

    @contextlib.contextmanager
    def _avoiding_objects(
        self, grasp: GraspAction, observation: Observation | None
    ) -> Iterator[None]:
        """Plan round the objects seen, within the block: afterwards they lie elsewhere."""
        if observation is None or not self.cell.config.motion.avoid_objects:
            yield
            return
        stroke = self.cell.gripper_config.limits.stroke
        self.planner.set_objects(ObjectField.about(grasp, stroke, observation))
        try:
            yield
        finally:
            self.planner.set_objects(None)

    def _plan(
        self,
        grasp: GraspAction,
        workspace: Workspace,
        place: PlaceTarget | None,
        start: np.ndarray,
    ) -> _Plan:
        """Choose the nearer of the two equal yaws and plan the whole attempt."""
        settings = self.cell.config.motion
        above = grasp.z + settings.approach_height
        lifted = grasp.z + settings.lift_height
        for z in (above, lifted):
            check_position(grasp.x, grasp.y, z, self.cell)
        if place is not None:
            check_position(place.x, place.y, self._place_z(place), self.cell)
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
                up = Transform.top_down(grasp.x, grasp.y, lifted, theta)
                descend = self.planner.plan_line(positions, down, settings.approach_speed)
                bottom = descend.positions[-1]
                self.planner.check(bottom, "The grasp")
                lift = self.planner.plan_line(bottom, up, settings.approach_speed)
                top = lift.positions[-1]
                carry = None if place is None else self._plan_carry(top, workspace, place)
                pre_grasp = self.planner.plan_joints(start, positions)
            except PlanningError as failure:
                error = failure
                continue
            return _Plan(pre_grasp, descend, up, lift, carry)
        assert error is not None
        raise error

    def _begin_detection(self, workspace: Workspace, place: PlaceTarget | None) -> None:
        """Let the detector see how things are before the grasp."""
        if self.detector.needs_view:
            if place is None:
                raise CommandRejectedError(
                    f"Detector '{self.cell.config.success_detection}' needs a place to go to: an "
                    f"arm that stays over workspace '{workspace.name}' hides it."
                )
            if not self._sees(workspace):
                raise PerceptionError(f"The arm hides workspace '{workspace.name}': move home.")
        self.detector.begin(workspace)

    def _finish(
        self,
        motion: Motion,
        workspace: Workspace,
        plan: _Plan,
        is_lifted: bool,
        fingers: GripperState,
        enter: OnPhase,
    ) -> bool:
        """Put down what is gripped, and ask the detector; let go of what it alone knows of."""
        is_gripping = is_lifted and self.detector.is_gripping(fingers)
        if plan.carry is not None:
            self._put_down(motion, workspace, plan.carry, is_gripping, enter)
        if self.detector.needs_view and not self._sees(workspace):
            self._return_home(motion)
        is_success = is_lifted and self.detector.is_success(fingers)
        if is_success and not is_gripping:
            motion.open_fingers()
        return is_success

    def _sees(self, workspace: Workspace) -> bool:
        return self.planner.is_in_view(workspace, self.cell.arm.joint_state().positions)

    def _place_z(self, place: PlaceTarget) -> float:
        return place.workspace.floor_z + self.cell.config.motion.place_height

    def _plan_carry(
        self, start: np.ndarray, workspace: Workspace, place: PlaceTarget
    ) -> JointTrajectory:
        """Plan the way over the place target, to a posture that hides nothing of `workspace`."""
        home = np.asarray(self.cell.arm_config.home_positions)
        error: PlanningError | None = None
        postures = []
        for theta in (place.theta, place.theta + np.pi):
            goal = Transform.top_down(place.x, place.y, self._place_z(place), theta)
            for seed in (start, home):
                try:
                    postures.append(self.planner.inverse_kinematics(goal, seed))
                except (UnreachableError, CollisionError) as failure:
                    error = failure
        if not postures:
            assert error is not None
            raise error
        postures.sort(key=lambda q: float(np.abs(q - start).max()))
        in_view = (q for q in postures if self.planner.is_in_view(workspace, q))
        return self.planner.plan_joints(start, next(in_view, postures[0]))

    def _grasp(self, motion: Motion, grasp: GraspAction, plan: _Plan, enter: OnPhase) -> bool:
        """Open the fingers on the way, descend and close; tell whether something pushed back."""
        enter(Phase.PRE_GRASP)
        motion.start_fingers(grasp.width)
        motion.follow(plan.pre_grasp)
        motion.wait_for_fingers()
        enter(Phase.DESCEND)
        is_contact = self._descend(motion, plan.descend)
        enter(Phase.CLOSE)
        motion.start_fingers(0.0, self.cell.config.motion.grasp_force)
        motion.wait_for_fingers()
        return is_contact

    def _descend(self, motion: Motion, trajectory: JointTrajectory) -> bool:
        """Descend until the grasp height, or until something pushes back; tell which.

        The force is measured against its value at the start, where nothing touches: this takes
        out what the model does not know of masses and friction. An arm that reports neither a
        force nor torques (all zero) is only stopped by its own tracking fault.
        """
        clock = self.cell.clock
        began, limit = clock.now(), self.cell.config.safety.contact_force
        free = self._vertical_force()

        def pushes_back() -> bool:
            if clock.now() - began < _GUARD_DELAY:
                return False
            force = self._vertical_force()
            if force is None or free is None:
                return False
            change = force - free
            # Makers do not agree on the sign of a measured force.
            return (abs(change) if self.cell.arm.tcp_force() is not None else change) > limit

        state = motion.follow(trajectory, guard=pushes_back)
        return state is not MotionState.SUCCEEDED

    def _vertical_force(self) -> float | None:
        """Return the upward force on the TCP [N], measured or else from torques; None without both."""
        measured = self.cell.arm.tcp_force()
        if measured is not None:
            return float(measured[2])
        state = self.cell.arm.joint_state()
        if not state.efforts.any():
            return None
        force = self.planner.external_force(state.positions, state.velocities, state.efforts)
        return float(force[2])

    def _lift(self, motion: Motion, plan: _Plan, enter: OnPhase) -> bool:
        """Rise straight up; let go and rise empty-handed if that is blocked; tell which."""
        enter(Phase.LIFT)
        state = motion.follow(self._lift_from(motion, plan), guard=lambda: False)
        if state is MotionState.SUCCEEDED:
            return True
        _LOGGER.warning("The lift was blocked; letting go and rising without the object.")
        motion.open_fingers()
        motion.follow(self._lift_from(motion, plan))
        return False

    def _lift_from(self, motion: Motion, plan: _Plan) -> JointTrajectory:
        """Return the planned lift, or a new one where the descent ended somewhere else."""
        present = motion.joint_positions()
        if np.abs(present - plan.lift.positions[0]).max() < _LIFT_TOLERANCE:
            return plan.lift
        speed = self.cell.config.motion.approach_speed
        return self.planner.plan_line(present, plan.lift_pose, speed)

    def _put_down(
        self,
        motion: Motion,
        workspace: Workspace,
        carry: JointTrajectory,
        is_held: bool,
        enter: OnPhase,
    ) -> None:
        """Go over the place and let go of what is held; enter PLACE once the tray is in view."""
        is_entered = False

        def watch_view() -> None:
            nonlocal is_entered
            positions = self.cell.arm.joint_state().positions
            if not is_entered and self.planner.is_in_view(workspace, positions):
                is_entered = True
                enter(Phase.PLACE)

        motion.follow(carry, watch=watch_view)
        if not is_entered:
            enter(Phase.PLACE)
        if is_held:
            motion.open_fingers()

    def _clear(self, motion: Motion, start: np.ndarray) -> np.ndarray:
        """Rise straight where the TCP is low, and return where the arm then is.

        Where that is blocked, the fingers let go of what they hold first.
        """
        tcp = self.planner.forward_kinematics(start)
        height = self.cell.config.motion.place_height
        if tcp.position[2] >= height:
            return start
        target = Transform(np.array([*tcp.position[:2], height]), tcp.quat_xyzw)
        speed = self.cell.config.motion.approach_speed
        try:
            line = self.planner.plan_line(start, target, speed)
        except UnreachableError:
            _LOGGER.warning("No straight way up from where the arm is; moving home directly.")
            return start
        if motion.follow(line, guard=lambda: False) is not MotionState.SUCCEEDED:
            _LOGGER.warning("The way up was blocked; letting go of what is held.")
            motion.open_fingers()
            motion.follow(self.planner.plan_line(motion.joint_positions(), target, speed))
        return motion.joint_positions()


@contextlib.contextmanager
def _halted_on_error(motion: Motion) -> Iterator[None]:
    """Leave nothing moving behind, whatever ends the block."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(DeviceError):  # the first error is the one to report
            motion.halt()
        raise
