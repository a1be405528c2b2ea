"""Fetch one object out of a clutter: pushes as many as allowed, then one grasp."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.world import World
from equigrasp.environments.environment import StepResult
from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import LABELS, TARGET, Observation
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.pick import PickPrimitive
from equigrasp.primitives.push import PushPrimitive

_LOST_PX = 20  # of which less is seen, the target is lost

Look = Callable[[], tuple[Observation, Mapping[int, int]]]  # labels, and handles by label


@dataclass(frozen=True)
class TargetStep(StepResult):
    """What came of a push or a grasp.

    Args:
        is_taken: Whether the target hung in the fingers, alone or with others.
        is_lost: Whether the target is not to be seen after a push.
    """

    is_taken: bool = False
    is_lost: bool = False


class TargetEpisode:
    """One target of a scene (EPG, task 1): ends with the first grasp, or when the target is lost.

    Args:
        cell: A simulated cell.
        world: Its world; tells the measurement, and nobody else, what is held.
        planner: Plans the cell's motions.
        workspace: Where the objects lie.
        look: Looks at it with the objects labelled.
    """

    def __init__(
        self,
        cell: RobotCell,
        world: World,
        planner: MotionPlanner,
        workspace: Workspace,
        look: Look,
    ) -> None:
        self.workspace = workspace
        self._world, self._look = world, look
        self._pick, self._push = PickPrimitive(cell, planner), PushPrimitive(cell, planner)
        self._seen: Observation | None = None
        self._label = self._handle = 0
        self.is_over = True

    def begin(self, label: int) -> None:
        """Look for the target of a label in the scene as it lies; nothing moves.

        Raises:
            PerceptionError: if there is no object of this label.
        """
        observation, handles = self._look()
        if label not in handles:
            known = ", ".join(str(k) for k in handles) or "none"
            raise PerceptionError(f"No object has label {label}. Labels: {known}.")
        self._label, self._handle = label, handles[label]
        self._aim(observation)
        self.is_over = False

    def observe(self) -> Observation:
        """Return what was seen last, with the target's mask as the goal."""
        assert self._seen is not None
        return self._seen

    def step(self, action: PlanarGrasp | Push) -> TargetStep:
        """Push, or grasp and end.

        Raises:
            PerceptionError: if the episode has ended.
            PlanningError: if no motion was found; nothing moved.
            DeviceError: if a device refused or stopped.
        """
        if self.is_over:
            raise PerceptionError("The episode has ended; begin another one first.")
        if isinstance(action, Push):
            pushed = self._push.execute(action, self.workspace)
            is_lost = not self._aim(self._look()[0])
            self.is_over = is_lost
            return TargetStep(0.0, pushed.as_grasp(), float(not is_lost), is_lost=is_lost)
        outcome = self._pick.execute(action, self.workspace, None)
        held = self._world.held_objects()
        is_taken = self._handle in held
        self.is_over = True
        return TargetStep(
            float(is_taken),
            outcome,
            is_disagreeing=bool(held) != outcome.is_success,
            is_taken=is_taken,
        )

    def _aim(self, observation: Observation) -> bool:
        """Keep what is seen; tell whether enough of the target is."""
        target = np.asarray(observation.arrays[LABELS] == self._label)
        self._seen = replace(observation, goal={TARGET: target})
        low = self.workspace.border_px
        inner = slice(low, low + self.workspace.action_size_px)
        return int(target[inner, inner].sum()) >= _LOST_PX
