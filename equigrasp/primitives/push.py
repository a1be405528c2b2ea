"""Push something with closed fingers."""

import threading

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.motion import MotionState
from equigrasp.errors import Device, DeviceError
from equigrasp.geometry.actions import Push
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.contact_guard import ContactGuard, StrokeGuard
from equigrasp.primitives.home import return_home
from equigrasp.primitives.motion import Motion, halted_on_error
from equigrasp.primitives.outcome import Phase, PushOutcome
from equigrasp.primitives.phases import OnPhase, Phases
from equigrasp.primitives.push_planner import PushPlan, PushPlanner, clipped
from equigrasp.primitives.validation import check_push

_MOVED = 0.02  # [rad] farther from the planned end of the descent the stroke is planned anew


class PushPrimitive:
    """Carries out straight pushes on a cell; one at a time."""

    def __init__(self, cell: RobotCell, planner: MotionPlanner) -> None:
        self.cell = cell
        self.planner = planner
        self._pushes = PushPlanner(cell, planner)

    def execute(
        self,
        push: Push,
        workspace: Workspace,
        *,
        on_phase: OnPhase = lambda phase: None,
        cancel: threading.Event | None = None,
    ) -> PushOutcome:
        """Close the fingers, descend, push, rise, and clear the view of the workspace.

        Descent and stroke are planned before anything moves. The stroke ends at the latest where the
        workspace or the safety box does, and where something pushes back harder than the cell allows.
        A descent that meets something is where the stroke begins.

        Args:
            push: What to do.
            workspace: Where it begins.
            on_phase: Called as each phase begins.
            cancel: Set from any thread to stop.

        Raises:
            CommandRejectedError: if the push is outside the cell's limits; nothing moved.
            PlanningError: if it is unreachable or in collision; nothing moved.
            CancelledError: if `cancel` was set; the arm is at rest.
            DeviceError: if a device failed, or the fingers do not close; the arm was told to stop.
        """
        motion = Motion(self.cell, cancel or threading.Event())
        phases = Phases(self.cell.clock, on_phase)
        enter = phases.enter
        enter(Phase.PLANNING)
        motion.check_cancel()
        check_push(push, workspace, self.cell)
        within = clipped(push, workspace, self.cell.config.safety.box)
        plan = self._pushes.plan(within, motion.joint_positions())
        with halted_on_error(motion):
            is_contact = self._descend(motion, plan, enter)
            length, is_blocked = self._push(motion, plan, enter)
            self._rise(motion, enter)
            return_home(motion, self.planner, has_closed_fingers=True)
            enter(Phase.RETURN)
        duration = phases.duration
        idle = max(0.0, duration - motion.busy_time)
        return PushOutcome(length, is_contact, is_blocked, duration, idle, phases.times)

    def _descend(self, motion: Motion, plan: PushPlan, enter: OnPhase) -> bool:
        """Close the fingers on the way, and descend; tell whether something pushed back."""
        enter(Phase.PRE_GRASP)
        motion.start_fingers(0.0)
        motion.follow(plan.approach)
        motion.wait_for_fingers()
        self._check_closed()
        enter(Phase.DESCEND)
        guard = ContactGuard(self.cell, self.planner).pushes_back
        return motion.follow(plan.descend, guard=guard) is not MotionState.SUCCEEDED

    def _check_closed(self) -> None:
        """Raise `DeviceError` unless the fingers are closed: what they hold would go down first."""
        width, closed = self.cell.gripper.state().width, self.cell.gripper_config.held_width
        if not width <= closed:
            raise DeviceError(
                f"A push needs closed fingers, at most {closed:.4f} m apart; they stopped at {width:.4f} m. "
                "They hold something, or are blocked.",
                Device.GRIPPER,
            )

    def _push(self, motion: Motion, plan: PushPlan, enter: OnPhase) -> tuple[float, bool]:
        """Follow the stroke; return the way made [m], and whether something held it up."""
        enter(Phase.PUSH)
        present = motion.joint_positions()
        stroke = plan.stroke
        if np.abs(present - stroke.positions[0]).max() > _MOVED:
            stroke = self._pushes.stroke_from(present, plan.end)
        before = self._tcp(present)
        guard = StrokeGuard(self.cell, self.planner).pushes_back
        state = motion.follow(stroke, guard=guard)
        way = self._tcp(motion.joint_positions()).position - before.position
        return float(np.linalg.norm(way[:2])), state is not MotionState.SUCCEEDED

    def _rise(self, motion: Motion, enter: OnPhase) -> None:
        """Go straight up, before anything else."""
        enter(Phase.LIFT)
        present = motion.joint_positions()
        tcp, settings = self._tcp(present), self.cell.config.motion
        x, y, z = tcp.position
        above = Transform(np.array([x, y, z + settings.approach_height]), tcp.quat_xyzw)
        motion.follow(self.planner.plan_line(present, above, settings.approach_speed))

    def _tcp(self, positions: np.ndarray) -> Transform:
        return self.planner.forward_kinematics(positions)
