"""Attempts in simulated scenes that can be left and carried on, under the two published protocols."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from equigrasp.devices.world import World
from equigrasp.environments.environment import Environment
from equigrasp.environments.grasp_episode import GraspEpisode
from equigrasp.environments.open_loop_grasp import OpenLoopGraspEnv, return_stray
from equigrasp.experiments.rollouts.loop import EPISODES, TWO_TRAYS, Loop, LoopStep, Rules
from equigrasp.experiments.rollouts.protocol import EPISODE_ATTEMPTS, NUM_OBJECTS
from equigrasp.experiments.rollouts.scene import Scene, placed_objects
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.learning.interfaces import Mode, Policy
from equigrasp.perception.observation import Observation
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.seeding import SceneStream, derive_seed
from equigrasp.simulation.make import SimulatedCell

_TIME_TO_SETTLE = 1.0  # [s] for an object that was dropped
_TIME_TO_REST = 0.25  # [s] for objects that were put back where they lay
_POOL_SEED = 0  # the same pool for all runs

Names = Callable[[int], list[str]]


class SimulatedEnvironment(Environment[PlanarGrasp], Protocol):
    """An environment whose scene can be kept."""

    rules: Rules

    def prepare(self, number: int) -> None:
        """Draw new objects where the attempt of this number asks for them."""
        ...

    def scene(self, attempts: int, failures: int) -> Scene:
        """Return where everything lies after some attempts, the last of them failures."""
        ...


class EpisodeScenes(GraspEpisode):
    """One tray of objects, each removed once grasped; then, or after 30 attempts, a new one.

    Args:
        simulation: The cell.
        seed: Of scenes; the n-th episode is the same for all policies.
        names: Returns the shapes of an episode by its number.
        num_objects: How many those are.
        scene: Where to carry on; None: with the first episode.
    """

    rules = EPISODES

    def __init__(
        self,
        simulation: SimulatedCell,
        seed: int,
        names: Names,
        num_objects: int,
        scene: Scene | None = None,
    ) -> None:
        super().__init__(
            simulation.cell,
            simulation.world,
            OmplPlanner(simulation.cell),
            num_objects=num_objects,
            max_attempts=EPISODE_ATTEMPTS,
        )
        self._seed, self._names = seed, names
        self._number = -1 if scene is None else scene.episode
        if scene is None:
            self.reset()
        else:
            self.resume([(o.name, o.pose) for o in scene.objects], scene.episode_attempts)

    def prepare(self, number: int) -> None:
        """Do nothing: episodes bring new objects."""

    def reset(self) -> None:
        """Begin the next episode."""
        self._number += 1
        seed = derive_seed(self._seed, SceneStream.EPISODES, self._number)
        self.begin(self._names(self._number), seed)

    def scene(self, attempts: int, failures: int) -> Scene:
        """Return where everything lies."""
        objects = placed_objects(self._world)
        return Scene(attempts, self._number, self.num_attempts, 0, failures, objects)


class TrayScenes(OpenLoopGraspEnv):
    """Objects that go from tray to tray; what leaves the trays is put back.

    Args:
        simulation: The cell.
        seed: Of scenes and places.
        names: Returns the shapes of a draw by its number.
        scene: Where to carry on; None: with all objects in the first tray.
        resample_every: Attempts between two draws; 0: one draw for ever.
    """

    rules = TWO_TRAYS

    def __init__(
        self,
        simulation: SimulatedCell,
        seed: int,
        names: Names,
        scene: Scene | None = None,
        resample_every: int = 0,
    ) -> None:
        rng = np.random.default_rng([seed, SceneStream.PLACES])
        super().__init__(simulation.cell, OmplPlanner(simulation.cell), rng)
        self._simulation, self._seed = simulation, seed
        self._names, self._resample_every = names, resample_every
        self._draw = 0 if scene is None else scene.episode
        # Without objects too: spawning lets the physics come to rest.
        self._world.spawn_objects(names(0) if scene is None else [], self.trays.pick)
        if scene is not None:
            self._restore(scene)

    @property
    def _world(self) -> World:
        return self._simulation.world

    def prepare(self, number: int) -> None:
        """Draw all objects anew where it is time for it."""
        if self._resample_every and number // self._resample_every != self._draw:
            self._draw = number // self._resample_every
            self._world.reset(derive_seed(self._seed, SceneStream.EPISODES, self._draw))
            self._world.spawn_objects(self._names(self._draw), self.trays.pick)

    def observe(self) -> Observation:
        """Put back what left the trays, and look at the tray that is picked from."""
        for _ in self._world.objects():
            if not return_stray(self._world, self.cell.config.workspaces, self.trays.place):
                break
            self._simulation.physics.sleep(_TIME_TO_SETTLE)
        return super().observe()

    def scene(self, attempts: int, failures: int) -> Scene:
        """Return where everything lies."""
        tray = self.cell.config.workspaces.index(self.trays.pick)
        return Scene(attempts, self._draw, attempts, tray, failures, placed_objects(self._world))

    def _restore(self, scene: Scene) -> None:
        if scene.tray == 1:
            self.reset()
        for thing in scene.objects:
            self._world.place_object(thing.name, thing.pose)
        self._simulation.physics.sleep(_TIME_TO_REST)


class Rollout:
    """A policy's attempts in such an environment.

    Args:
        environment: Where it acts.
        policy: Chooses the grasps.
        seed: Of choices.
        scene: Where to carry on; None: from the beginning.
    """

    def __init__(
        self,
        environment: SimulatedEnvironment,
        policy: Policy[PlanarGrasp],
        seed: int,
        scene: Scene | None = None,
    ) -> None:
        self._environment = environment
        failures = 0 if scene is None else scene.failures
        self._loop = Loop(environment, policy, environment.rules, seed, failures)

    @property
    def num_refused(self) -> int:
        """Grasps that were refused; they are not attempts."""
        return self._loop.num_refused

    def attempt(self, number: int, mode: Mode) -> LoopStep[PlanarGrasp]:
        """Look, choose and try; see `Loop.attempt`."""
        self._environment.prepare(number)
        return self._loop.attempt(number, mode)

    def scene(self, attempts: int) -> Scene:
        """Return where everything lies after some attempts."""
        return self._environment.scene(attempts, self._loop.failures)


def in_episodes(
    simulation: SimulatedCell,
    policy: Policy[PlanarGrasp],
    seed: int,
    names: Names,
    num_objects: int,
    scene: Scene | None = None,
) -> Rollout:
    """Return attempts in episodes (paper, section 6.1); arguments as of `EpisodeScenes`."""
    environment = EpisodeScenes(simulation, seed, names, num_objects, scene)
    return Rollout(environment, policy, seed, scene)


def in_two_trays(
    simulation: SimulatedCell,
    policy: Policy[PlanarGrasp],
    seed: int,
    names: Names,
    scene: Scene | None = None,
    resample_every: int = 0,
) -> Rollout:
    """Return attempts from tray to tray (paper, section 6.2); arguments as of `TrayScenes`."""
    environment = TrayScenes(simulation, seed, names, scene, resample_every)
    return Rollout(environment, policy, seed, scene)


def split_names(simulation: SimulatedCell, split: str, seed: int) -> Names:
    """Return the shapes of one draw from a part of the object set."""
    rng = np.random.default_rng([seed, SceneStream.OBJECTS])
    names = simulation.world.object_set.draw(split, NUM_OBJECTS, rng)
    return lambda number: names


def training_names(simulation: SimulatedCell, count: int, seed: int) -> Names:
    """Return draws of `count` training shapes, a new one for each number."""
    objects = simulation.world.object_set
    return lambda number: objects.draw(
        "train", count, np.random.default_rng([seed, SceneStream.OBJECTS, number])
    )


def pool_names(simulation: SimulatedCell, pool_size: int, count: int, seed: int) -> Names:
    """Return draws of `count` from a pool of training shapes, which is the same for all runs.

    A pool of as many is drawn whole.
    """
    rng = np.random.default_rng([_POOL_SEED, pool_size])
    pool = simulation.world.object_set.draw("train", pool_size, rng)

    def draw(number: int) -> list[str]:
        rng = np.random.default_rng([seed, SceneStream.OBJECTS, number])
        return [str(n) for n in rng.choice(pool, count, replace=False)]

    return draw
