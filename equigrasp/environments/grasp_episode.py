"""Simulated grasp episodes: objects leave the world as they are grasped."""

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.world import World
from equigrasp.environments.environment import StepResult
from equigrasp.environments.open_loop_grasp import observe
from equigrasp.environments.oracle import is_empty
from equigrasp.environments.put_away import clear_view, take_away
from equigrasp.errors import ConfigError, PerceptionError
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.transform import Transform
from equigrasp.perception.observation import Observation
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.pick import PickPrimitive
from equigrasp.primitives.push import PushPrimitive

_TIME_TO_SETTLE = 0.25  # [s] for objects that were put back where they lay


class GraspEpisode:
    """One tray of objects, each removed once grasped.

    This is the protocol of the simulated experiments (paper, section 6.1): an episode is
    terminal when the tray is empty and truncated after `max_attempts`.

    Args:
        cell: A simulated cell.
        world: Its world; places and removes objects, never tells a policy anything.
        planner: Plans the cell's motions.
        num_objects: Objects at the start of an episode.
        max_attempts: Attempts of an episode.
    """

    def __init__(
        self,
        cell: RobotCell,
        world: World,
        planner: MotionPlanner,
        *,
        num_objects: int = 15,
        max_attempts: int = 30,
    ) -> None:
        if num_objects < 1 or max_attempts < 1:
            raise ConfigError(
                f"num_objects and max_attempts must be positive: {num_objects}, {max_attempts}."
            )
        self.cell = cell
        self.workspace = cell.config.workspaces[0]
        self.num_objects, self.max_attempts = num_objects, max_attempts
        self.num_attempts = 0
        self.is_terminal = self.is_truncated = False
        self._world = world
        self._pick, self._push = PickPrimitive(cell, planner), PushPrimitive(cell, planner)

    @property
    def is_over(self) -> bool:
        """Whether the tray is empty, or the attempts are used up."""
        return self.is_terminal or self.is_truncated

    def begin(self, names: list[str], seed: int) -> None:
        """Start over with named objects, and look; `names` holds `num_objects` shapes."""
        if len(names) != self.num_objects:
            raise ConfigError(f"An episode needs {self.num_objects} objects, found {len(names)}.")
        self._world.reset(seed)
        self._world.spawn_objects(names, self.workspace)
        self._begin(0)

    def resume(self, objects: list[tuple[str, Transform]], num_attempts: int) -> None:
        """Carry on an episode that was left with these objects after `num_attempts`, and look."""
        self._world.reset(0)
        for name, pose in objects:
            self._world.place_object(name, pose)
        settled = self.cell.clock.now() + _TIME_TO_SETTLE
        while self.cell.clock.now() < settled:
            self.cell.clock.pause()
        self._begin(num_attempts)

    def observe(self) -> Observation:
        """Return what was seen last: nothing moves between two attempts."""
        return self._seen

    def step(self, action: PlanarGrasp | Push) -> StepResult:
        """Try a grasp, take away what is held, go home and look; or push and look.

        Raises:
            PerceptionError: if the episode has ended.
        """
        if self.is_terminal or self.is_truncated:
            raise PerceptionError("The episode has ended; begin another one first.")
        if isinstance(action, Push):
            pushed = self._push.execute(action, self.workspace)
            self.recover()
            return StepResult(0.0, pushed.as_grasp(), discount=1.0)
        outcome = self._pick.execute(action, self.workspace, None)
        held = take_away(self.cell, self._world, outcome.is_success)
        self.go_home()
        self.num_attempts += 1
        self._look()
        self.is_truncated = not self.is_terminal and self.num_attempts >= self.max_attempts
        is_disagreeing = bool(held) != outcome.is_success
        return StepResult(float(outcome.is_success), outcome, is_disagreeing=is_disagreeing)

    def recover(self) -> None:
        """Bring the arm out of the camera's view, opening the fingers on the way, and look again."""
        self.go_home()
        self._look()

    def go_home(self) -> None:
        """Bring the arm out of the camera's view, opening the fingers on the way."""
        clear_view(self.cell, self._pick)

    def _begin(self, num_attempts: int) -> None:
        self.num_attempts = num_attempts
        self.is_terminal = self.is_truncated = False
        self._look()

    def _look(self) -> None:
        self._seen = observe(self.cell, self.workspace)
        self.is_terminal = is_empty(self._seen)
