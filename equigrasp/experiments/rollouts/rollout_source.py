"""Episodes of a policy in an environment, as a collector wants them: what a simulated robot brings."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from equigrasp.environments.environment import Environment
from equigrasp.errors import EquigraspError
from equigrasp.experiments.rollouts.loop import EPISODES, Loop, LoopStep, Rules
from equigrasp.experiments.rollouts.recording import to_row, to_step
from equigrasp.learning.interfaces import Mode, Policy
from equigrasp.learning.method import Method
from equigrasp.replay.frames import Episode
from equigrasp.seeding import SceneStream, derive_seed


class RolloutSource:
    """An `EpisodeSource`: each episode begins with a reset of the environment.

    An episode that broke off, because an action failed and the environment began anew, is cut off after the last
    step that was carried out; what was done in the next one opens the next episode.

    Args:
        method: Says what of observation and action is kept.
        config: The method's configuration.
        policy: Chooses; its own, since weights are put into it.
        environment: Made once.
        seed: Of this robot's choices.
        mode: How the policy acts.
        rules: What follows from refusals.
        max_steps: An episode that has not ended by then is an error: environments end their own.
        script: Chooses in the first episodes.
        num_scripted: How many those are.
        close: Called at the end, to let go of robot or simulation.
    """

    def __init__(
        self,
        method: Method[Any],
        config: Any,
        policy: Policy[Any],
        environment: Environment[Any],
        seed: int,
        mode: Mode = "train",
        rules: Rules = EPISODES,
        max_steps: int = 100,
        script: Policy[Any] | None = None,
        num_scripted: int = 0,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._method, self._config, self._policy = method, config, policy
        self._environment, self._seed = environment, seed
        self._mode, self._rules, self._max_steps = mode, rules, max_steps
        self._script, self._num_scripted, self._close = script, num_scripted, close
        self._has_begun = False
        self._opening: LoopStep[Any] | None = None  # of an episode that began after a failure

    def load(self, tensors: dict[str, torch.Tensor], version: int) -> None:
        """See `EpisodeSource.load`."""
        self._policy.load(tensors, version, "weights of the fleet")

    def run(self, number: int) -> Episode:
        """See `EpisodeSource.run`.

        Raises:
            EquigraspError: if the environment refuses, or does not end the episode.
        """
        made, self._opening = self._opening, None
        if made is None and self._has_begun:  # a new environment is at its beginning
            self._environment.reset()
        self._has_begun = True
        policy = self._policy
        if self._script is not None and number < self._num_scripted:
            policy = self._script
        choices = derive_seed(self._seed, SceneStream.EPISODES, number)
        loop = Loop(self._environment, policy, self._rules, choices)
        episode = Episode()
        for place in range(self._max_steps):
            if made is None:
                num_resets = loop.num_resets
                made = loop.attempt(place, self._mode)
                if episode and loop.num_resets > num_resets:
                    self._opening = made
                    step, extras = episode[-1]
                    episode[-1] = replace(step, is_truncated=True), extras
                    return episode
            row = to_row(made, number)
            step = to_step(self._method, self._config, made, place, number)
            episode.append((step, row.extras()))
            if made.result.is_last:
                return episode
            made = None
        raise EquigraspError(f"Episode {number} has not ended after {self._max_steps} steps.")

    def close(self) -> None:
        """See `EpisodeSource.close`."""
        self._close()
