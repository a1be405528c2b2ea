"""The scenes of the paper's tasks: each depends on its task and number alone, whatever acts in it."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from equigrasp.environments.target_episode import TargetEpisode
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.clutter import Clutter, open_workspace
from equigrasp.simulation.label_camera import LabelCamera
from equigrasp.simulation.make import SimulatedCell
from equigrasp.simulation.tight_layouts import place_layout


@dataclass(frozen=True)
class TargetTask:
    """A kind of scene.

    Args:
        num_objects: Of a clutter; 0: tight layouts.
        spread: Half side of the square that a clutter is dropped over [m].
        layout: Number of the tight layout.
        split: Part of the object set.
        seed: Of all scenes.
    """

    num_objects: int = 0
    spread: float = 0.12
    layout: int = 0
    split: str = "test"
    seed: int = 0


class TaskScenes:
    """Lays scenes out on an open table.

    Args:
        simulation: With an open table; of blocks for tight layouts.
        task: What scenes.
    """

    def __init__(self, simulation: SimulatedCell, task: TargetTask) -> None:
        self.workspace = open_workspace(simulation.cell.config)
        self._simulation, self._task = simulation, task
        camera = LabelCamera(simulation.cell.camera, simulation.world)  # type: ignore[arg-type]
        self.look = partial(camera.look, self.workspace)

    def make_episode(self) -> TargetEpisode:
        """Return what targets are fetched in."""
        cell, world = self._simulation.cell, self._simulation.world
        return TargetEpisode(cell, world, OmplPlanner(cell), self.workspace, self.look)

    def lay_out(self, scene: int) -> None:
        """Make the scene of a number."""
        task = self._task
        parts = task.seed, Stream.EVALUATION_SCENES, task.num_objects, task.layout, scene
        rng = np.random.default_rng(derive_seed(*parts))
        self._forget_what_was()
        if task.layout:
            place_layout(self._simulation, self.workspace, task.layout, rng)
            return
        names = self._simulation.world.object_set.draw(task.split, task.num_objects, rng)
        Clutter(self._simulation).drop(names, task.spread, int(rng.integers(2**31)))

    def _forget_what_was(self) -> None:
        """Empty the table and the engine's caches, so that what was there before changes nothing."""
        world = self._simulation.world
        world.reset(0)
        state = world.snapshot()
        world.restore(state)
        world.forget(state)
