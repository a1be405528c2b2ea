"""Fetch one object out of a clutter: pushes as many as allowed, then one grasp."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.world import World
from equigrasp.environments.environment import StepResult
from equigrasp.environments.put_away import clear_view, take_away
from equigrasp.environments.target_follower import TargetFollower, aimed
from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import TARGET, Observation
from equigrasp.perception.segmentation import LOST_PX
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.pick import PickPrimitive
from equigrasp.primitives.push import PushPrimitive

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
        self._cell, self._world, self._look = cell, world, look
        self._pick, self._push = PickPrimitive(cell, planner), PushPrimitive(cell, planner)
        self._seen: Observation | None = None
        self._follower: TargetFollower | None = None
        self._label = self._handle = 0
        self.is_over = True

    def begin(self, label: int, follower: TargetFollower | None = None) -> None:
        """Look for the target of a label in the scene as it lies; nothing moves.

        Args:
            label: Of the target, among the true ones.
            follower: Sees the target in the place of the true labels; where it sees too little the episode
                is over at once.

        Raises:
            PerceptionError: if there is no object of this label.
        """
        observation, handles = self._look()
        if label not in handles:
            known = ", ".join(str(k) for k in handles) or "none"
            raise PerceptionError(f"No object has label {label}. Labels: {known}.")
        self._label, self._handle = label, handles[label]
        self._follower = follower
        seen = follower.begin(observation, label) if follower else aimed(observation, label)
        self._seen = seen or observation
        self.is_over = follower is not None and not self._shows_target(seen)

    def survey(self) -> Observation:
        """Return the scene as it lies, with nothing aimed at; nothing moves."""
        return self._look()[0]

    def put_away(self, is_gripping: bool) -> list[int]:
        """Take what hangs in the fingers out of the world, go home, and return its handles.

        Args:
            is_gripping: See `take_away`.

        Raises:
            PlanningError: if there is no way home.
            DeviceError: if a device refused or stopped.
        """
        taken = take_away(self._cell, self._world, is_gripping)
        clear_view(self._cell, self._pick)
        return taken

    def observe(self) -> Observation:
        """Return what was seen last, with the target's mask as the goal."""
        assert self._seen is not None
        return self._seen

    def step(self, action: PlanarGrasp | Push) -> TargetStep:
        """Push, or grasp and end.

        Raises:
            PerceptionError: if the episode has ended.
            PlanningError: if no motion was found.
            DeviceError: if a device refused or stopped.
        """
        if self.is_over:
            raise PerceptionError("The episode has ended; begin another one first.")
        if isinstance(action, Push):
            pushed = self._push.execute(action, self.workspace)
            is_lost = not self._look_again(action)
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

    def recover(self, push: Push) -> None:
        """Go home after a push that raised an error, and look at what it left; a lost target ends the episode.

        Raises:
            PlanningError: if there is no way home.
            DeviceError: if a device refused or stopped.
        """
        self._pick.go_home()
        self.is_over = not self._look_again(push)

    def _look_again(self, push: Push) -> bool:
        """Look at what a push did, and keep it; tell whether enough of the target is seen."""
        observation, follower = self._look()[0], self._follower
        if follower is None:
            seen: Observation | None = aimed(observation, self._label)
        else:
            seen = follower.follow(observation, push)
            while seen is None and not follower.is_lost:
                seen = follower.follow(self._look()[0], None)
        self._seen = seen or self._seen
        return self._shows_target(seen)

    def _shows_target(self, seen: Observation | None) -> bool:
        low = self.workspace.border_px
        inner = slice(low, low + self.workspace.action_size_px)
        return seen is not None and int(seen.goal[TARGET][inner, inner].sum()) >= LOST_PX
