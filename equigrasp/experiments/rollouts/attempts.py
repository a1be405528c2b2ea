"""Attempts under the two protocols: one tray in episodes, two trays for ever."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from equigrasp.environments.grasp_episode import GraspEpisode
from equigrasp.errors import DeviceError, PlanningError
from equigrasp.experiments.rollouts.protocol import EPISODE_ATTEMPTS
from equigrasp.experiments.rollouts.scene import Scene, placed_objects
from equigrasp.experiments.rollouts.simulated_run import Attempt, SimulatedRun
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.learning.history import last_failures
from equigrasp.learning.interfaces import Attempt as PastAttempt
from equigrasp.learning.interfaces import Context, EmptyWorkspaceError, Mode, Policy
from equigrasp.learning.seeding import derive_seed
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.simulation.make import SimulatedCell

_MAX_REFUSALS = 20  # grasps in a row that the planner refuses, after which one is drawn at random

Names = Callable[[int], list[str]]


class AttemptSource(Protocol):
    """Carries out attempts of a policy, one after the other."""

    num_refused: int

    def attempt(self, number: int, mode: Mode) -> Attempt:
        """Look, choose and try; what the planner refuses does not count as an attempt."""
        ...

    def scene(self, attempts: int) -> Scene:
        """Return where everything lies after some attempts."""
        ...


class EpisodeAttempts:
    """One tray of objects, each removed once grasped; then, or after 30 attempts, a new one.

    Args:
        simulation: The cell.
        policy: Chooses the grasps.
        seed: Of scenes and choices; the n-th episode is the same for all policies.
        names: Returns the shapes of an episode by its number.
        num_objects: How many those are.
        scene: Where to carry on; None: with the first episode.
    """

    def __init__(
        self,
        simulation: SimulatedCell,
        policy: Policy[PlanarGrasp],
        seed: int,
        names: Names,
        num_objects: int,
        scene: Scene | None = None,
    ) -> None:
        self._world = simulation.world
        self._policy, self._seed, self._names = policy, seed, names
        self._episode = GraspEpisode(
            simulation.cell,
            simulation.world,
            OmplPlanner(simulation.cell),
            num_objects=num_objects,
            max_attempts=EPISODE_ATTEMPTS,
        )
        self.num_refused = 0
        self._failures = 0 if scene is None else scene.failures  # in a row, of this episode
        self._choices: tuple[PastAttempt, ...] = ()
        self._number = -1 if scene is None else scene.episode
        if scene is None:
            self._next_episode()
        else:
            objects = [(o.name, o.pose) for o in scene.objects]
            self._observation = self._episode.resume(objects, scene.episode_attempts)

    def attempt(self, number: int, mode: Mode) -> Attempt:
        """Look, choose and try in the present episode, or in a new one where it has ended."""
        refusals = 0
        while True:
            if self._episode.is_terminal or self._episode.is_truncated:
                self._next_episode()
            rng = np.random.default_rng(derive_seed(self._seed, 10, number, refusals))
            used: Mode = mode if refusals < _MAX_REFUSALS else "random"
            # The published validation does not vary what failed; while learning the method may.
            failures = refusals + (self._failures if mode == "train" else 0)
            history = last_failures(self._choices, failures)
            observation = self._observation
            disagreements = self._episode.num_disagreements
            try:
                decision = self._policy.choose(observation, Context(used, history), rng)
                self._choices = (*history, decision.tried(observation.workspace.name))
                self._observation, outcome = self._episode.step(decision.action)
            except EmptyWorkspaceError:
                self._next_episode()
                continue
            except (PlanningError, DeviceError):
                self.num_refused += 1
                refusals += 1
                self._recover()
                continue
            self._failures = 0 if outcome.is_success else self._failures + 1
            is_disagreeing = self._episode.num_disagreements > disagreements
            return Attempt(observation, decision, outcome, is_disagreeing)

    def scene(self, attempts: int) -> Scene:
        """Return where everything lies after some attempts."""
        done, objects = self._episode.num_attempts, placed_objects(self._world)
        return Scene(attempts, self._number, done, 0, self._failures, objects)

    def _next_episode(self) -> None:
        self._number += 1
        self._failures = 0
        seed = derive_seed(self._seed, 6, self._number)
        self._observation = self._episode.reset(self._names(self._number), seed)

    def _recover(self) -> None:
        """Look again from home; where the arm cannot go there, begin the next episode."""
        try:
            self._episode.go_home()
            self._observation = self._episode.look()
        except (PlanningError, DeviceError):
            self._next_episode()


class TwoTrayAttempts(SimulatedRun):
    """Objects that go from tray to tray; drawn anew every so many attempts where that is asked.

    Args:
        simulation: The cell.
        policy: Chooses the grasps.
        seed: Of scenes and choices.
        names: Returns the shapes of a draw by its number.
        scene: Where to carry on; None: with all objects in the first tray.
        resample_every: Attempts between two draws; 0: one draw for ever.
    """

    def __init__(
        self,
        simulation: SimulatedCell,
        policy: Policy[PlanarGrasp],
        seed: int,
        names: Names,
        scene: Scene | None = None,
        resample_every: int = 0,
    ) -> None:
        self._draw = 0 if scene is None else scene.episode
        self._draw_names, self._resample_every = names, resample_every
        super().__init__(simulation, policy, "", seed, names(0) if scene is None else [])
        if scene is None:
            return
        self._failures = scene.failures
        if scene.tray == 1:
            self.env.swap()
        for thing in scene.objects:
            simulation.world.place_object(thing.name, thing.pose)
        simulation.physics.sleep(0.25)

    def attempt(self, number: int, mode: Mode) -> Attempt:
        """Look, choose and try; swaps the trays when the first is empty."""
        if self._resample_every and number // self._resample_every != self._draw:
            self._draw = number // self._resample_every
            self._simulation.world.reset(derive_seed(self._seed, 6, self._draw))
            self._simulation.world.spawn_objects(self._draw_names(self._draw), self.env.trays.pick)
        return super().attempt(number, mode)

    def scene(self, attempts: int) -> Scene:
        """Return where everything lies after some attempts."""
        tray = self._simulation.cell.config.workspaces.index(self.env.trays.pick)
        objects = placed_objects(self._simulation.world)
        return Scene(attempts, self._draw, attempts, tray, self._failures, objects)


def training_names(simulation: SimulatedCell, count: int, seed: int) -> Names:
    """Return draws of `count` training shapes, a new one for each number."""
    objects = simulation.world.object_set
    return lambda number: objects.draw("train", count, np.random.default_rng([seed, 5, number]))


def pool_names(simulation: SimulatedCell, pool_size: int, count: int, seed: int) -> Names:
    """Return draws of `count` from a pool of training shapes, which is the same for all runs.

    A pool of as many is drawn whole.
    """
    rng = np.random.default_rng([0, pool_size])
    pool = simulation.world.object_set.draw("train", pool_size, rng)

    def draw(number: int) -> list[str]:
        rng = np.random.default_rng([seed, 5, number])
        return [str(n) for n in rng.choice(pool, count, replace=False)]

    return draw
