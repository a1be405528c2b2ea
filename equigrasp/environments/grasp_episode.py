"""Simulated grasp episodes: objects leave the world as they are grasped."""

import threading

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.world import World
from equigrasp.environments.open_loop_grasp import observe
from equigrasp.environments.oracle import is_empty
from equigrasp.errors import ConfigError, PerceptionError
from equigrasp.geometry.actions import GraspAction
from equigrasp.perception.observation import Observation
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.motion import Motion
from equigrasp.primitives.outcome import GraspOutcome
from equigrasp.primitives.pick import PickPrimitive


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
        self.num_disagreements = 0
        self.is_terminal = self.is_truncated = False
        self._world = world
        self._pick = PickPrimitive(cell, planner)

    def reset(self, names: list[str], seed: int) -> Observation:
        """Start over with named objects, and look; `names` holds `num_objects` shapes."""
        if len(names) != self.num_objects:
            raise ConfigError(f"An episode needs {self.num_objects} objects, found {len(names)}.")
        self._world.reset(seed)
        self._world.spawn_objects(names, self.workspace)
        self.num_attempts = self.num_disagreements = 0
        self.is_terminal = self.is_truncated = False
        return self._look()

    def step(self, grasp: GraspAction) -> tuple[Observation, GraspOutcome]:
        """Try a grasp, take away what is held, go home and look.

        `num_disagreements` counts attempts in which finger width and world differ on success.

        Raises:
            PerceptionError: if the episode has ended.
        """
        if self.is_terminal or self.is_truncated:
            raise PerceptionError("The episode has ended; call reset() first.")
        outcome = self._pick.execute(grasp, self.workspace, None)
        held = [o.handle for o in self._world.objects() if self._world.is_held(o.handle)]
        self.num_disagreements += int(bool(held) != outcome.is_success)
        for handle in held:
            self._world.remove_object(handle)
        motion = Motion(self.cell, threading.Event())
        motion.start_fingers(self.cell.gripper_config.limits.stroke)
        motion.wait_for_fingers()
        self._pick.go_home()
        self.num_attempts += 1
        observation = self._look()
        self.is_truncated = not self.is_terminal and self.num_attempts >= self.max_attempts
        return observation, outcome

    def _look(self) -> Observation:
        observation = observe(self.cell, self.workspace)
        self.is_terminal = is_empty(observation)
        return observation
