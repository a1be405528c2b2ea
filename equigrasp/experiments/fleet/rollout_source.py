"""Episodes of a policy in an environment, as a collector wants them: what a simulated robot brings."""

from collections.abc import Callable
from typing import Any

import torch

from equigrasp.environments.environment import Environment
from equigrasp.errors import EquigraspError
from equigrasp.experiments.rollouts.loop import EPISODES, Loop, Rules
from equigrasp.experiments.rollouts.recording import to_row, to_step
from equigrasp.learning.interfaces import Mode, Policy
from equigrasp.learning.method import Method
from equigrasp.replay.frames import Episode
from equigrasp.seeding import SceneStream, derive_seed


class RolloutSource:
    """An `EpisodeSource`: each episode begins with a reset of the environment.

    Args:
        method: Says what of an observation is kept.
        policy: Chooses; its own, since weights are put into it.
        environment: Made once.
        seed: Of this robot's choices.
        mode: How the policy acts.
        rules: What follows from refusals.
        max_steps: An episode that has not ended by then is an error: environments end their own.
        close: Called at the end, to let go of robot or simulation.
    """

    def __init__(
        self,
        method: Method[Any],
        policy: Policy[Any],
        environment: Environment[Any],
        seed: int,
        mode: Mode = "train",
        rules: Rules = EPISODES,
        max_steps: int = 100,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._method, self._policy, self._environment = method, policy, environment
        self._seed, self._mode, self._rules = seed, mode, rules
        self._max_steps, self._close = max_steps, close
        self._has_begun = False

    def load(self, tensors: dict[str, torch.Tensor], version: int) -> None:
        """See `EpisodeSource.load`."""
        self._policy.load(tensors, version, "weights of the fleet")

    def run(self, number: int) -> Episode:
        """See `EpisodeSource.run`.

        Raises:
            EquigraspError: if the environment refuses, or does not end the episode.
        """
        if self._has_begun:  # a new environment is at its beginning
            self._environment.reset()
        self._has_begun = True
        choices = derive_seed(self._seed, SceneStream.EPISODES, number)
        loop = Loop(self._environment, self._policy, self._rules, choices)
        episode = Episode()
        for place in range(self._max_steps):
            made = loop.attempt(place, self._mode)
            extras = to_row(made, place).extras()
            episode.append((to_step(self._method, made, place, number), extras))
            if made.result.is_last:
                return episode
        raise EquigraspError(f"Episode {number} has not ended after {self._max_steps} steps.")

    def close(self) -> None:
        """See `EpisodeSource.close`."""
        self._close()
