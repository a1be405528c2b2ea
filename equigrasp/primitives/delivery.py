"""What every grasp ends with: lift, put down over a place, and the verdict whether it took an object."""

import logging
from collections.abc import Callable

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.gripper import GripperState
from equigrasp.devices.motion import JointTrajectory, MotionState
from equigrasp.errors import CommandRejectedError, PerceptionError
from equigrasp.geometry.workspace import Workspace
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.home import return_home
from equigrasp.primitives.motion import Motion
from equigrasp.primitives.outcome import Phase
from equigrasp.primitives.phases import OnPhase
from equigrasp.primitives.place_target import PlaceTarget
from equigrasp.primitives.success import SuccessDetector

_LOGGER = logging.getLogger(__name__)


def lift(motion: Motion, plan: Callable[[], JointTrajectory]) -> bool:
    """Rise straight up; let go and rise empty-handed if that is blocked; tell which.

    Args:
        motion: Moves the cell.
        plan: Returns the way up from where the arm is.
    """
    if motion.follow(plan(), guard=lambda: False) is MotionState.SUCCEEDED:
        return True
    _LOGGER.warning("The lift was blocked; letting go and rising without the object.")
    motion.open_fingers()
    motion.follow(plan())
    return False


class Delivery:
    """Puts down what a cell's fingers hold, and asks a detector.

    Args:
        cell: The devices.
        planner: Plans the cell's motions.
    """

    def __init__(self, cell: RobotCell, planner: MotionPlanner) -> None:
        self._cell, self._planner = cell, planner

    def begin(
        self, detector: SuccessDetector, workspace: Workspace, place: PlaceTarget | None
    ) -> None:
        """Let the detector see how things are before the grasp.

        Raises:
            CommandRejectedError: if it must see the tray afterwards, and there is no place to go to.
            PerceptionError: if the arm hides the tray from it.
        """
        if detector.needs_view:
            if place is None:
                raise CommandRejectedError(
                    f"Detector '{self._cell.config.success_detection}' needs a place to go to: an "
                    f"arm that stays over workspace '{workspace.name}' hides it."
                )
            if not self._sees(workspace):
                raise PerceptionError(f"The arm hides workspace '{workspace.name}': move home.")
        detector.begin(workspace)

    def finish(
        self,
        motion: Motion,
        detector: SuccessDetector,
        workspace: Workspace,
        carry: JointTrajectory | None,
        fingers: GripperState | None,
        enter: OnPhase,
    ) -> bool:
        """Put down what is gripped, and ask the detector; let go of what it alone knows of.

        Args:
            motion: Moves the cell.
            detector: Judges.
            workspace: That was picked from.
            carry: The way over the place; None: what is held stays in the fingers.
            fingers: As they were after the lift; None: it was blocked, and they let go.
            enter: Told of phases.

        Returns:
            Whether an object was taken.
        """
        is_gripping = fingers is not None and detector.is_gripping(fingers)
        if carry is not None:
            self._put_down(motion, workspace, carry, is_gripping, enter)
        if detector.needs_view and not self._sees(workspace):
            return_home(motion, self._planner)
        is_success = fingers is not None and detector.is_success(fingers)
        if is_success and not is_gripping:
            motion.open_fingers()
        return is_success

    def _sees(self, workspace: Workspace) -> bool:
        return self._planner.is_in_view(workspace, self._cell.arm.joint_state().positions)

    def _put_down(
        self,
        motion: Motion,
        workspace: Workspace,
        carry: JointTrajectory,
        is_held: bool,
        enter: OnPhase,
    ) -> None:
        """Go over the place and let go of what is held; enter the phase once the tray is in view."""
        phase, is_entered = Phase.PLACE if is_held else Phase.RETURN, False

        def watch_view() -> None:
            nonlocal is_entered
            positions = self._cell.arm.joint_state().positions
            if not is_entered and self._planner.is_in_view(workspace, positions):
                is_entered = True
                enter(phase)

        motion.follow(carry, watch=watch_view)
        if not is_entered:
            enter(phase)
        if is_held:
            motion.open_fingers()
