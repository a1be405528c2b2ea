"""Grasp attempts on a cell in one process, without ROS."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.world import World
from equigrasp.environments.environment import StepResult
from equigrasp.environments.oracle import is_empty
from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.perception.observation import Observation
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.pick import PickPrimitive
from equigrasp.primitives.place_target import sample_place
from equigrasp.primitives.push import PushPrimitive

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trays:
    """Where objects are picked from and put into."""

    pick: Workspace
    place: Workspace

    def swapped(self) -> "Trays":
        """Return the trays with their roles exchanged."""
        return Trays(self.place, self.pick)


def observe(cell: RobotCell, workspace: Workspace) -> Observation:
    """Take a picture and look at one workspace from straight above."""
    frame = cell.camera.capture()
    heightmap = heightmap_from_depth(
        frame.depth, cell.camera.model, cell.camera.T_base_camera, workspace
    )
    return Observation.of_heightmap(heightmap, workspace, frame.stamp)


class OpenLoopGraspEnv:
    """Two trays: pick from one, put into the other, swap when the first is empty.

    This is the protocol of the on-robot experiments (paper, section 6.2). The camera looks while
    the arm is over the other tray; after a swap the arm goes home first.
    """

    def __init__(self, cell: RobotCell, planner: MotionPlanner, rng: np.random.Generator) -> None:
        self.cell = cell
        self.pick = PickPrimitive(cell, planner)
        self._push = PushPrimitive(cell, planner)
        self.trays = Trays(*cell.config.workspaces[:2])
        self._rng = rng
        self._seen: Observation | None = None
        self.num_swaps = 0

    @property
    def is_over(self) -> bool:
        """Never: objects go from tray to tray for ever."""
        return False

    def observe(self) -> Observation:
        """Look at the tray that is picked from."""
        self._seen = observe(self.cell, self.trays.pick)
        return self._seen

    def observe_filled(self) -> Observation:
        """Look at the tray that is picked from; swap first if it is empty.

        Raises:
            PerceptionError: if the other tray is empty as well.
        """
        observation = self.observe()
        if not is_empty(observation):
            return observation
        self.reset()
        observation = self.observe()
        if is_empty(observation):
            raise PerceptionError(
                f"Trays '{self.trays.pick.name}' and '{self.trays.place.name}' are both empty."
            )
        return observation

    def reset(self) -> None:
        """Exchange the trays' roles and clear the view of the new pick tray."""
        self.trays = self.trays.swapped()
        self.num_swaps += 1
        self.recover()

    def recover(self) -> None:
        """Clear the view."""
        self.pick.go_home()

    def step(self, action: PlanarGrasp | Push) -> StepResult:
        """Carry out one attempt, round the objects seen last, or a push.

        Errors as those of `PickPrimitive.execute` and `PushPrimitive.execute`.
        """
        if isinstance(action, Push):
            pushed = self._push.execute(action, self.trays.pick)
            return StepResult(0.0, pushed.as_grasp(), discount=1.0)
        spread = self.cell.config.motion.place_spread
        place = sample_place(self.trays.place, spread, self._rng)
        seen, self._seen = self._seen, None
        outcome = self.pick.execute(action, self.trays.pick, place, observation=seen)
        return StepResult(float(outcome.is_success), outcome)


def return_stray(
    world: World,
    workspaces: tuple[Workspace, ...],
    into: Workspace,
    is_stray: Callable[[np.ndarray], bool] = lambda position: True,
) -> bool:
    """Put an object that left the trays back into one, as an attendant would; tell if there was one.

    One at a time: the next must not fall onto it.

    Args:
        world: Where the objects are.
        workspaces: The trays.
        into: Tray to drop it into.
        is_stray: Asked with the position (3,) [m] of each object outside the trays.
    """
    for thing in world.objects():
        x, y, _ = thing.pose.position
        if is_stray(thing.pose.position) and not any(w.contains_xy(x, y) for w in workspaces):
            _LOGGER.info("Put stray object '%s' back into tray '%s'.", thing.name, into.name)
            world.drop_object(thing.handle, into)
            return True
    return False


def attend(world: World, workspaces: tuple[Workspace, ...]) -> None:
    """Return a stray, unless something is in the fingers (it may be on its way)."""

    def has_come_down(position: np.ndarray) -> bool:
        # What flies or hangs higher may still come down in a tray.
        return float(position[2]) < 0.12

    if not world.held_objects():
        return_stray(world, workspaces, workspaces[0], has_come_down)
