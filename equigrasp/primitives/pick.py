"""Grasp, lift, verify, and put down: one attempt of a robot cell."""

import threading

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.motion import JointTrajectory, MotionState
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import Observation
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.contact_guard import ContactGuard
from equigrasp.primitives.delivery import Delivery, lift
from equigrasp.primitives.home import return_home
from equigrasp.primitives.motion import Motion, halted_on_error
from equigrasp.primitives.outcome import GraspOutcome, Phase
from equigrasp.primitives.phases import OnPhase, Phases
from equigrasp.primitives.pick_planner import PickPlan, PickPlanner
from equigrasp.primitives.place_target import PlaceTarget
from equigrasp.primitives.success import make_detector
from equigrasp.primitives.validation import check_grasp

_LIFT_TOLERANCE = (
    0.02  # [rad] farther from the planned end of the descent the lift is planned anew
)


class PickPrimitive:
    """Carries out top-down grasps on a cell; one at a time."""

    def __init__(self, cell: RobotCell, planner: MotionPlanner) -> None:
        self.cell = cell
        self.planner = planner
        self.detector = make_detector(cell)
        self._attempts = PickPlanner(cell, planner)
        self._delivery = Delivery(cell, planner)

    def execute(
        self,
        grasp: PlanarGrasp,
        workspace: Workspace,
        place: PlaceTarget | None,
        *,
        observation: Observation | None = None,
        on_phase: OnPhase = lambda phase: None,
        cancel: threading.Event | None = None,
    ) -> GraspOutcome:
        """Pre-grasp, descend, close, lift, verify, and put down over `place` where it is given.

        All is planned before anything moves. The arm goes over `place` after a miss, too: the camera
        must see the tray. Then PLACE begins, or RETURN after a miss; at the latest over the place.

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
        phases = Phases(self.cell.clock, on_phase)
        enter = phases.enter
        enter(Phase.PLANNING)
        motion.check_cancel()
        check_grasp(grasp, workspace, self.cell)
        self._delivery.begin(self.detector, workspace, place)
        with self._attempts.avoiding_objects(grasp, observation):
            plan = self._attempts.plan(grasp, workspace, place, motion.joint_positions())
        with halted_on_error(motion):
            is_contact = self._grasp(motion, grasp, plan, enter)
            enter(Phase.LIFT)
            is_lifted = lift(motion, lambda: self._lift_from(motion, plan))
            enter(Phase.VERIFY)
            fingers = self.cell.gripper.state()
            is_success = self._delivery.finish(
                motion,
                self.detector,
                workspace,
                plan.carry,
                fingers if is_lifted else None,
                enter,
            )
        duration = phases.duration
        return GraspOutcome(
            is_success=is_success,
            is_object_held=is_success and place is None,
            finger_width=fingers.width,
            duration=duration,
            idle_time=max(0.0, duration - motion.busy_time),
            is_contact=is_contact,
            phase_times=phases.times,
        )

    def go_home(
        self, *, on_phase: OnPhase = lambda phase: None, cancel: threading.Event | None = None
    ) -> None:
        """Move to the home position, out of the camera's view; errors as `execute`."""
        on_phase(Phase.HOME)
        return_home(Motion(self.cell, cancel or threading.Event()), self.planner)

    def _grasp(self, motion: Motion, grasp: PlanarGrasp, plan: PickPlan, enter: OnPhase) -> bool:
        """Open the fingers on the way, descend and close; tell whether something pushed back."""
        enter(Phase.PRE_GRASP)
        motion.start_fingers(grasp.width)
        motion.follow(plan.pre_grasp)
        motion.wait_for_fingers()
        enter(Phase.DESCEND)
        guard = ContactGuard(self.cell, self.planner).pushes_back
        is_contact = motion.follow(plan.descend, guard=guard) is not MotionState.SUCCEEDED
        enter(Phase.CLOSE)
        motion.start_fingers(0.0, self.cell.config.motion.grasp_force)
        motion.wait_for_fingers()
        return is_contact

    def _lift_from(self, motion: Motion, plan: PickPlan) -> JointTrajectory:
        """Return the planned lift, or a new one where the descent ended somewhere else."""
        present = motion.joint_positions()
        if np.abs(present - plan.lift.positions[0]).max() < _LIFT_TOLERANCE:
            return plan.lift
        speed = self.cell.config.motion.approach_speed
        return self.planner.plan_line(present, plan.lift_pose, speed)
